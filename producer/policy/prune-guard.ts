/** Of one topdir. */
export interface PruneTotals {
  readonly backups: number;
  readonly remove: number;
}

export interface GuardFacts extends PruneTotals {
  /** Hash of the retention now, and of the one under which the topdir was pruned last; null = never. */
  readonly policy: string;
  readonly lastPolicy: string | null;
  /** 0 to 1. */
  readonly maxRemoveShare: number;
  readonly accepted: boolean;
}

/** Where nothing was changed, fewer removals than this are the daily work of a small site, whatever their share. */
const DAILY_WORK = 20;

/**
 * Whether a prune waits for an operator (pure): why, or null. A changed retention may be a slip of the pen; also without a change, much more than
 * usual may be a clock that is wrong.
 */
export function pruneWaits({ backups, remove, policy, lastPolicy, maxRemoveShare, accepted }: GuardFacts): string | null {
  if (accepted || remove === 0 || remove <= backups * maxRemoveShare) return null;
  const changed = policy !== lastPolicy;
  if (!changed && remove < DAILY_WORK) return null;
  const share = `${Math.round((remove / backups) * 100)}% of ${backups} backups`;
  const why = lastPolicy === null ? 'the first prune' : changed ? 'retention changed' : 'more than usual';
  return `${why}: it would remove ${share}, more than retention.maxRemoveShare`;
}
