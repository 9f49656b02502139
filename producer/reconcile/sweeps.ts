import type { QueueSet } from '../../shared/queues/queue-set.js';

/** Ids of sweeps ordered by the reconciler end like this, one an hour: one that is done must not stand in the way of the next. */
const AGAIN = '.again-';
const HOUR_MS = 3_600_000;
/** Looked for besides the one that is ordered at the end of a backup. */
const RECENT_HOURS = 26;

/** What comes after the id of the sweep that was ordered at the end. */
export function newSweep(now: Date): string {
  return `${AGAIN}${Math.floor(now.getTime() / HOUR_MS)}`;
}

/** Whether a sweep of this backup is ordered and not done yet. Failed ones count: they are a finding of their own. */
export async function isSweepPending({ erasing }: QueueSet, backupId: string, now: Date): Promise<boolean> {
  const hour = Math.floor(now.getTime() / HOUR_MS);
  const ids = ['', '.lost', ...Array.from({ length: RECENT_HOURS }, (_, index) => `${AGAIN}${hour - index}`)].map((late) => `sweep-backup.${backupId}${late}`);
  const jobs = (await Promise.all(ids.map((id) => erasing.getJob(id)))).filter((job) => job !== undefined);
  const done = await Promise.all(jobs.map((job) => job.isCompleted()));
  return done.includes(false);
}
