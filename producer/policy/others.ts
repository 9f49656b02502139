import type { BasepathSchedule, ScheduleConfig } from '../../shared/config/config.js';
import { formatDuration } from '../../shared/terminal/index.js';
import { hasFull, type BasepathNow } from './basepath-now.js';
import { hold, nothing, type Verdict } from './verdict.js';

export interface OtherInput {
  readonly nowMs: number;
  /** Half the time to the next event: of two events the one nearer to when a backup is due makes it, so that times do not drift. */
  readonly slackMs: number;
  readonly allowed: boolean;
  /** Why incrementals of the topdir wait that are not overdue; null: they do not. */
  readonly gate: string | null;
  /** What is decided about its full. */
  readonly full: Verdict;
}

/** Whether a basepath gets an incremental or differential now (pure). */
export function decideOther(basepath: BasepathNow, input: OtherInput): Verdict {
  const { facts, policy, other } = basepath;
  const { level, incrementalEveryMs: everyMs } = policy;
  if (everyMs === null) return nothing('schedule.incrementalEvery is none');
  if (!hasFull(facts)) return nothing('waits for its first full', level);
  const ageMs = input.nowMs - Date.parse(facts.capturedAt);
  const missed = missedIntervals(ageMs, policy);
  const priorityClass = missed === null ? ('incremental' as const) : ('overdue-incremental' as const);
  const said = `last backup is ${formatDuration(Math.max(0, ageMs))} old`;
  if (other !== null) return { act: 'in-flight', level, priorityClass, missed: missed ?? 0, reason: other.started ? 'runs' : 'waits for a slot' };
  if (ageMs + Math.min(input.slackMs, everyMs / 2) < everyMs) return nothing(`${said}, of ${formatDuration(everyMs)}`, level);
  const held = missed === null ? heldBack(basepath, input, everyMs) : null;
  if (held !== null) return hold(level, `${said}; ${held}`);
  if (!input.allowed) return hold(level, said);
  return { act: 'enqueue', level, priorityClass, missed: missed ?? 0, reason: missed === null ? said : `${said}, overdue` };
}

function heldBack({ full }: BasepathNow, input: OtherInput, everyMs: number): string | null {
  // A full that runs for days does not stop them: only one of this very interval saves the same.
  if (input.full.act === 'enqueue' || (full !== null && input.nowMs - full.enqueuedAtMs < everyMs)) return 'its full is on the way';
  return input.gate;
}

/**
 * Whole intervals a backup is overdue, or null when it is not. Overdue is half way from due to past due, and at the latest when an
 * interval was missed: then no gate holds it back any more.
 */
export function missedIntervals(ageMs: number, { incrementalEveryMs: everyMs, pastDueMs }: BasepathSchedule): number | null {
  if (everyMs === null) return null;
  const graceMs = pastDueMs === null ? everyMs : Math.max(0, Math.min(everyMs, (pastDueMs - everyMs) / 2));
  return ageMs < everyMs + graceMs ? null : Math.floor((ageMs - everyMs - graceMs) / everyMs);
}

/**
 * Why incrementals of a topdir wait (schedule.incrementalGate), or null. Fulls of the day are those enqueued since it began: one that runs since
 * yesterday holds nobody up.
 * @param enqueued fulls that are just being enqueued
 */
export function gateOf(gate: ScheduleConfig['incrementalGate'], basepaths: readonly BasepathNow[], dayMs: number, enqueued: number): string | null {
  if (gate === 'none') return null;
  const ofToday = basepaths.flatMap(({ full }) => (full !== null && full.enqueuedAtMs >= dayMs ? [full] : []));
  const waiting = ofToday.filter(({ started }) => !started).length + enqueued;
  if (gate === 'fulls-started') return waiting === 0 ? null : `fulls of the day that wait for a slot: ${waiting} (incrementalGate fulls-started)`;
  const open = ofToday.length + enqueued;
  return open === 0 ? null : `fulls of the day that are not done: ${open} (incrementalGate fulls-done)`;
}
