import { backupJobSchema, restoreJobSchema } from '../queues/job-data.js';
import type { QueueSet } from '../queues/queue-set.js';
import type { RunStore } from '../runs/run-store.js';

/** Restores are the first of the queue. */
const MOST_WAITING = 1000;

/**
 * Backups that running work needs, and restores and consolidations that wait: id -> why. Their ancestors are not named: what is needed keeps its chain.
 * Not what verifications wait for: they come behind all other work, thousands at once, and would keep all of it for days; nothing is lost when one finds its
 * backup gone.
 * To be asked for after tombstones were given (worker/jobs/claim-backup.ts does the opposite).
 */
export async function readClaims(runs: RunStore, queues: QueueSet): Promise<Map<string, string>> {
  const claims = new Map<string, string>();
  for (const job of await queues.backup.getJobs(['prioritized', 'waiting', 'delayed', 'active'], 0, MOST_WAITING, true)) {
    const restore = job.name === 'restore' ? restoreJobSchema.safeParse(job.data).data : undefined;
    if (restore !== undefined) claims.set(restore.backupId, `needed by restore ${restore.restoreId}`);
    const backup = job.name === 'backup' ? backupJobSchema.safeParse(job.data).data : undefined;
    if (backup?.consolidates !== undefined) claims.set(backup.consolidates, `needed by consolidation ${backup.backupId}`);
  }
  for (const run of await runs.running()) if (run.needs !== undefined) claims.set(run.needs, `needed by running ${run.kind} ${run.id}`);
  return claims;
}
