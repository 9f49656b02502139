/**
 * BullMQ: 1 is first, 0 would outrank everything (stalled jobs land there), and order inside a class is
 * first in, first out. The steps of a class leave room for what belongs to running work: shards go before
 * plans of new backups, and seals before shards, so that what was begun is finished first.
 */
const CLASS_PRIORITY = {
  restore: 10,
  'manual-full': 20,
  full: 30,
  'overdue-incremental': 40,
  incremental: 50,
} as const;

export type PriorityClass = keyof typeof CLASS_PRIORITY;
export type Phase = 'plan' | 'shard' | 'seal';

const PHASE_STEP = { plan: 0, shard: -1, seal: -2 } as const satisfies Record<Phase, number>;

/** Priority of a job in its queue, lower runs first. */
export function priorityOf(priorityClass: PriorityClass, phase: Phase = 'plan'): number {
  return CLASS_PRIORITY[priorityClass] + PHASE_STEP[phase];
}

/** What an overdue incremental begins with when it waits: room for its class's shards and seals, which go first, and for ageing. */
const OVERDUE_FIRST = 46;

/**
 * Priority of a backup that waits to be begun. An overdue one ages upward with every whole interval it is late, up to its class's own, hence
 * never above a full.
 */
export function waitingPriority(priorityClass: PriorityClass, missed: number): number {
  return priorityClass === 'overdue-incremental' ? Math.max(CLASS_PRIORITY[priorityClass], OVERDUE_FIRST - missed) : priorityOf(priorityClass);
}

/** Priorities of the incrementals' and differentials' jobs, of whatever kind: lowest and highest. */
export const OTHERS_PRIORITIES = { first: priorityOf('overdue-incremental', 'seal'), last: CLASS_PRIORITY.incremental } as const;

/** Cleanup, verification, scans: after everything else. */
export const CLEANUP_PRIORITY = 100;
/** Verification may take hours: what gives space back goes before it. */
export const VERIFY_PRIORITY = 110;
