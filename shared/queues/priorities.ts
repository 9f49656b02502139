/**
 * Order of the backup queue. Jobs wait in **lanes**; a lower number runs first, and strictly. An overdue incremental moves up a lane with every whole
 * interval it is late, up to its class's own, hence never above a full.
 *
 * BullMQ knows one number per job (1 is first, 0 would outrank everything: stalled jobs land there; the highest is 2^21 - 1), and equal ones
 * are first in, first out. So each lane owns LANE_WIDTH numbers for every step up to the next lane, and a job's place in them says when it is its
 * turn among the backups of the lane: see fair-share.ts. The first of a lane is for seals: what was begun is finished first.
 */
const CLASS_LANE = {
  restore: 10,
  'manual-full': 20,
  full: 30,
  'overdue-incremental': 40,
  incremental: 50,
} as const;

export type PriorityClass = keyof typeof CLASS_LANE;
export type Phase = 'plan' | 'shard' | 'seal';

/** 60 lanes of this width stay below 2^21. */
const LANE_WIDTH = 2 ** 15;

/** What an overdue incremental begins with when it waits. */
const OVERDUE_FIRST = 46;

/** All lanes in use, and where the last ends. */
const LANES = [10, 20, 30, 40, 41, 42, 43, 44, 45, 46, 50, 60] as const;

/** BullMQ's score of a waiting job: priority, then the order of coming. */
export const SCORE_OF_PRIORITY = 2 ** 32;

/** The numbers of a lane: `seal`, then from `first` to `last`. */
export interface Lane {
  readonly number: number;
  readonly seal: number;
  readonly first: number;
  readonly last: number;
}

/** Throws on a number that is no lane: a fault of the program. */
export function laneOf(number: number): Lane {
  const next = LANES[LANES.indexOf(number as (typeof LANES)[number]) + 1];
  if (next === undefined || number < LANES[0]) throw new Error(`no lane ${number}`);
  const seal = number * LANE_WIDTH;
  return { number, seal, first: seal + 1, last: next * LANE_WIDTH - 1 };
}

/** The lane a job waits in, by its priority; null for what no lane owns. */
export function laneAt(priority: number): Lane | null {
  const step = Math.floor(priority / LANE_WIDTH);
  const number = LANES.findLast((lane) => lane <= step);
  return number === undefined || step >= LAST ? null : laneOf(number);
}

const LAST = 60;

/** Number of the lane a backup waits in to be begun. `missed`: whole intervals an overdue incremental is late. */
export function waitingLane(priorityClass: PriorityClass, missed: number): number {
  return priorityClass === 'overdue-incremental' ? Math.max(CLASS_LANE[priorityClass], OVERDUE_FIRST - missed) : CLASS_LANE[priorityClass];
}

/** Priority without a turn among others: of seals, of what is the only thing of its kind, and of transfers. Lower runs first. */
export function priorityOf(priorityClass: PriorityClass, phase: Phase = 'plan'): number {
  const { seal, first } = laneOf(CLASS_LANE[priorityClass]);
  return { seal, shard: first, plan: first + 1 }[phase];
}

/** Priorities of the incrementals' and differentials' jobs, of whatever kind: lowest and highest. */
export const OTHERS_PRIORITIES = { first: laneOf(CLASS_LANE['overdue-incremental']).seal, last: laneOf(CLASS_LANE.incremental).last } as const;

/** Lowest and highest priority of all jobs of a class. */
export function classPriorities(priorityClass: PriorityClass): { readonly first: number; readonly last: number } {
  const last = priorityClass === 'overdue-incremental' ? OVERDUE_FIRST : CLASS_LANE[priorityClass];
  return { first: laneOf(CLASS_LANE[priorityClass]).seal, last: laneOf(last).last };
}

/** Of backups that come back to be sealed: they have a slot of their own on every host, so that nobody is stopped for them. */
export const SEAL_PRIORITIES = (['manual-full', 'full', 'overdue-incremental', 'incremental'] as const).map((priorityClass) => priorityOf(priorityClass, 'seal'));

/** What gets the slots of others when it waits without one: lowest and highest priorities. */
export const PREEMPTING_PRIORITIES = [
  { first: laneOf(CLASS_LANE.restore).seal, last: laneOf(CLASS_LANE.restore).last },
  ...([CLASS_LANE['manual-full'], CLASS_LANE.full] as const).map((number) => ({ first: laneOf(number).first, last: laneOf(number).last })),
];

/** Cleanup, verification, scans: a queue of their own. */
export const CLEANUP_PRIORITY = 100;
/** Verification may take hours: what gives space back goes before it. */
export const VERIFY_PRIORITY = 110;
/** Copies that are made up later, in a queue of their own. */
export const COPY_PRIORITY = 120;
