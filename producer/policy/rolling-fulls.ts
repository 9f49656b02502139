import { formatDuration } from '../../shared/terminal/index.js';
import { DAY_MS, hasFull, type BasepathNow } from './basepath-now.js';
import { amount, cycleMs, expectedCycleMs, LEAST_SPREAD_MS, loadOf, minus, openDay, placeOf, plus, type FullDay, type Load } from './full-share.js';
import { chainGrown } from './level.js';
import { enqueueFull, hold, nothing, type Verdict } from './verdict.js';

export interface RollingInput {
  /** All of the topdir that are there: each has its part in what a day's share is. */
  readonly basepaths: readonly BasepathNow[];
  /** Whether a full of this basepath may be enqueued by this event; others only have their reason told. */
  readonly allowed: (basepath: BasepathNow) => boolean;
  readonly nowMs: number;
  readonly dayMs: number;
  /** Half the time between two events: of two events the one nearer to when a short cycle's full is due makes it. */
  readonly slackMs: number;
  readonly day: FullDay | null;
  /** First fulls wait: those that are not yet due by age wait too. */
  readonly newOnesWait: boolean;
}

export interface RollingFulls {
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly day: FullDay;
}

interface Candidate {
  readonly basepath: BasepathNow;
  readonly ageMs: number;
  /** Of the time until it must be made: 1 = now. */
  readonly urgency: number;
  /** Whole days that are left until then, beside today: the same all day long. */
  readonly daysLeft: number;
  readonly load: Load;
  /** Order of equally urgent ones. */
  readonly place: number;
  /** Why it must be made; null: its turn comes by age. */
  readonly must: string | null;
  /** By age: then whatever the day's share is. A chain that has grown too long can wait for the next day. */
  readonly old: boolean;
}

/** No day does more than this many shares, be ever so many fulls late: those that are latest go first, the others on the following days. */
const MOST_SHARES = 2;
/** So early in its cycle a full is not made again, even if all were made on one day and are to be spread. */
const LEAST_URGENCY = 0.1;

/**
 * Candidates of nearly the same age, days, among which sizes decide, so that bytes and number keep step; each day younger weighs as much as this of a
 * day's share. From the simulated year of 1,000 basepaths: with less than 0.01 very large and very small ones are put off until they must all be made on
 * one day, with more than 0.05 the days get as uneven as chance makes them.
 */
const WINDOW_DAYS = 8;
const YOUNGER = 0.015;
const WINDOW_SIZE = 256;

/**
 * Fulls of basepaths that have one already (pure). The day's share of all fulls is taken from the oldest, and among those of nearly the same age so
 * that bytes and number keep step; equally old ones (all first fulls of a new site) follow each other by a hash of their ids. So every day
 * does the same, and a full is made again about a day before it is as old as schedule.fullEvery allows.
 */
export function rollingFulls(input: RollingInput): RollingFulls {
  const of = loadOf(input.basepaths, input.nowMs);
  const having = input.basepaths.filter(({ facts }) => hasFull(facts));
  const all = having.filter(({ full }) => full === null).map((basepath) => candidate(basepath, of(basepath), input));
  const largest = all.reduce((most, { load }) => ({ bytes: Math.max(most.bytes, load.bytes), count: Math.max(most.count, load.count) }), { bytes: 0, count: 0 });
  const choice = new Choice(openDay(input.day, input.dayMs, largest), waitingLoad(having, of, input.dayMs));
  const open = all.filter(({ basepath }) => input.allowed(basepath));
  choice.hurry(neededPerDay(all));
  for (const each of open.filter(({ must }) => must !== null).sort(byUrgency)) choice.takeLate(each);
  if (!choice.isFull) choice.fill(open.filter((each) => each.must === null && mayFill(each, input)).sort(byUrgency));
  const verdicts = new Map(all.map((each) => [each.basepath.basepathId, choice.verdict(each, input.allowed(each.basepath))] as const));
  return { verdicts, day: choice.day };
}

function candidate(basepath: BasepathNow, load: Load, { nowMs, dayMs, slackMs }: RollingInput): Candidate {
  const { facts, policy } = basepath;
  const capturedMs = Date.parse(facts?.full?.capturedAt ?? '');
  const ageMs = nowMs - capturedMs;
  const grown = hasFull(facts) ? chainGrown(facts, policy) : null;
  const old = isOld(policy.fullEveryMs, ageMs, dayMs - capturedMs, slackMs) ? `last full is ${formatDuration(ageMs)} old` : null;
  const cycle = expectedCycleMs(basepath, ageMs);
  return { basepath, ageMs, urgency: ageMs / cycle, daysLeft: Math.max(0, Math.floor((cycle - (dayMs - capturedMs)) / DAY_MS)), load, place: placeOf(basepath.basepathId), must: old ?? grown, old: old !== null };
}

/** Too old, or it would be before the next day begins. */
function isOld(fullEveryMs: number, ageMs: number, ageAtDayStartMs: number, slackMs: number): boolean {
  if (fullEveryMs < LEAST_SPREAD_MS) return ageMs + slackMs >= fullEveryMs;
  return ageMs >= fullEveryMs || ageAtDayStartMs + DAY_MS >= fullEveryMs;
}

/** Not twice within few days, and not before the first fulls of others unless half the cycle is over. */
function mayFill({ basepath: { policy }, urgency, ageMs }: Candidate, { newOnesWait }: RollingInput): boolean {
  if (policy.fullEveryMs < LEAST_SPREAD_MS) return false;
  return urgency >= LEAST_URGENCY && ageMs >= 0.8 * DAY_MS && !(newOnesWait && urgency < 0.5);
}

/** Fulls of earlier days that still wait for a slot: today begins with them. */
function waitingLoad(basepaths: readonly BasepathNow[], of: (basepath: BasepathNow) => Load, dayMs: number): Load {
  const waiting = basepaths.filter(({ full }) => full !== null && !full.started && full.enqueuedAtMs < dayMs);
  return waiting.reduce((sum, basepath) => plus(sum, of(basepath)), { bytes: 0, count: 0 });
}

/** The least even number of shares a day with which none of them comes too late. */
function neededPerDay(candidates: readonly Candidate[]): number {
  const until = new Map<number, number>();
  for (const { daysLeft, load } of candidates) until.set(daysLeft, (until.get(daysLeft) ?? 0) + amount(load));
  let sum = 0;
  let most = 0;
  for (const [daysLeft, load] of [...until].sort(([a], [b]) => a - b)) {
    sum += load;
    most = Math.max(most, sum / (daysLeft + 1));
  }
  return most;
}

function byUrgency(a: Candidate, b: Candidate): number {
  return b.urgency - a.urgency || a.place - b.place || (a.basepath.basepathId < b.basepath.basepathId ? -1 : 1);
}

class Choice {
  readonly #taken = new Set<string>();
  /** Of today's share. */
  #left: Load;

  constructor(
    public day: FullDay,
    private readonly waiting: Load,
  ) {
    this.#left = minus({ bytes: 1 + day.carried, count: 1 + day.carried }, plus(day.admitted, waiting));
  }

  get isFull(): boolean {
    return amount(this.#left) <= 0;
  }

  /** More than one share where the days to come would be too full else, less what was done today. */
  hurry(neededPerDay: number): void {
    const todo = Math.min(neededPerDay, MOST_SHARES) - amount(plus(this.day.admitted, this.waiting));
    const more = Math.max(0, todo - amount(this.#left));
    this.#left = plus(this.#left, { bytes: more, count: more });
  }

  /** As long as the day is not too full; one always. */
  takeLate(each: Candidate): void {
    const done = amount(plus(this.day.admitted, this.waiting));
    if (done === 0 || done + amount(each.load) <= (each.old ? MOST_SHARES : 1 + Math.max(0, this.day.carried))) this.#take(each);
  }

  /** `sorted`: the most urgent first. */
  fill(sorted: readonly Candidate[]): void {
    const rest = [...sorted];
    for (;;) {
      const best = this.#best(rest);
      // Half of it must fit: then days are too long as often as too short.
      if (best === null || amount((rest[best] as Candidate).load) / 2 > amount(this.#left)) return;
      this.#take(rest[best] as Candidate);
      this.day = { ...this.day, rounded: Math.max(0, -amount(this.#left)) };
      rest.splice(best, 1);
    }
  }

  /** Among the most urgent the one after which what is left of bytes and of number is most alike. Index, or null. */
  #best(rest: readonly Candidate[]): number | null {
    const first = rest[0];
    if (first === undefined) return null;
    let best = 0;
    let least = Infinity;
    for (let at = 0; at < Math.min(rest.length, WINDOW_SIZE); at++) {
      const { load, urgency, basepath } = rest[at] as Candidate;
      const after = minus(this.#left, load);
      const daysYounger = ((first.urgency - urgency) * cycleMs(basepath.policy.fullEveryMs)) / DAY_MS;
      if (daysYounger > WINDOW_DAYS) break;
      const uneven = Math.abs(after.bytes - after.count) + YOUNGER * daysYounger;
      if (uneven < least) [best, least] = [at, uneven];
    }
    return best;
  }

  #take({ basepath, load }: Candidate): void {
    this.#taken.add(basepath.basepathId);
    this.day = { ...this.day, admitted: plus(this.day.admitted, load) };
    this.#left = minus(this.#left, load);
  }

  verdict({ basepath, ageMs, must }: Candidate, allowed: boolean): Verdict {
    const age = formatDuration(ageMs);
    const cycle = formatDuration(basepath.policy.fullEveryMs);
    if (this.#taken.has(basepath.basepathId)) return enqueueFull(must ?? `last full is ${age} old, of ${cycle}: its turn today`);
    if (must === null) return nothing(`last full is ${age} old, of ${cycle}`, 'full');
    return hold('full', allowed ? `${must}; the day is full, older ones go first` : must);
  }
}
