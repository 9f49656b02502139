import { decodeTime } from 'ulid';
import type { EventKind, ScheduleConfig } from '../../shared/config/config.js';
import { hasFull, type BasepathNow } from './basepath-now.js';
import type { FullDay } from './full-share.js';
import { dayStart, nextEvent } from './moments.js';
import { newFulls } from './new-fulls.js';
import { decideOther, gateOf } from './others.js';
import { rollingFulls } from './rolling-fulls.js';
import { nothing, type Verdict } from './verdict.js';

export interface DecideInput {
  readonly schedule: ScheduleConfig;
  /** All basepaths of one topdir that are there. */
  readonly basepaths: readonly BasepathNow[];
  /** Which events it is time for; what only others would do is kept back. */
  readonly events: ReadonlySet<EventKind>;
  readonly day: FullDay | null;
  readonly nowMs: number;
}

export interface BasepathDecision {
  readonly basepathId: string;
  readonly full: Verdict;
  readonly other: Verdict;
}

export interface TopdirDecision {
  /** In the order of the input. */
  readonly basepaths: readonly BasepathDecision[];
  /** To be kept for the next decision of this topdir. */
  readonly day: FullDay;
  /** Why incrementals wait that are not overdue, or null. */
  readonly gate: string | null;
}

/** What is due for a topdir now: which backups, why, and what holds others back (pure). */
export function decideTopdir(input: DecideInput): TopdirDecision {
  const { schedule, basepaths, events, nowMs } = input;
  const dayMs = dayStart(schedule, nowMs);
  const failedFull = ({ failures }: BasepathNow): boolean => (failures?.full ?? null) !== null;
  const firsts = newFulls({
    basepaths,
    dayMs,
    maxNewFulls: schedule.maxNewFulls,
    enqueuedAtMs: decodeTime,
    allowed: (each) => (failedFull(each) ? events.has('failed') : events.has('fulls') || events.has('scan')),
  });
  const newOnesWait = [...firsts.values()].some(({ act }) => act !== 'nothing') || basepaths.some(({ facts, full }) => !hasFull(facts) && full !== null);
  const allowed = (each: BasepathNow): boolean => events.has(failedFull(each) ? 'failed' : 'fulls');
  const rolling = rollingFulls({ basepaths, allowed, nowMs, dayMs, slackMs: slack('fulls', input), day: input.day, newOnesWait });
  const fullOf = (each: BasepathNow): Verdict => explain(failedFull(each), firsts.get(each.basepathId) ?? rolling.verdicts.get(each.basepathId) ?? inFlight(each));
  const fulls = basepaths.map(fullOf);
  const gate = gateOf(schedule.incrementalGate, basepaths, dayMs, fulls.filter(({ act }) => act === 'enqueue').length);
  const slackMs = slack('incrementals', input);
  const decided = basepaths.map((each, index): BasepathDecision => {
    const full = fulls[index] as Verdict;
    const failed = (each.failures?.other ?? null) !== null;
    const other = decideOther(each, { nowMs, slackMs, gate, full, allowed: events.has(failed ? 'failed' : 'incrementals') });
    return { basepathId: each.basepathId, full, other: explain(failed, other) };
  });
  return { basepaths: decided, day: rolling.day, gate };
}

function slack(kind: EventKind, { schedule, nowMs }: DecideInput): number {
  return (nextEvent(kind, schedule, nowMs) - nowMs) / 2;
}

function inFlight({ full }: BasepathNow): Verdict {
  if (full === null) return nothing('no sealed full', 'full'); // never: one of the others had it
  return { act: 'in-flight', level: 'full', priorityClass: 'full', missed: 0, reason: full.started ? 'runs' : 'waits for a slot' };
}

/** So that nobody wonders why what is due does not come. */
function explain(failed: boolean, verdict: Verdict): Verdict {
  if (!failed || (verdict.act !== 'hold' && verdict.act !== 'enqueue')) return verdict;
  const note = verdict.act === 'hold' ? 'the last one failed: it comes with the next event for failed backups' : 'the last one failed';
  return { ...verdict, reason: `${verdict.reason}; ${note}` };
}
