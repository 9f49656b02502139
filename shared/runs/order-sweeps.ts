import { CLEANUP_PRIORITY } from '../queues/priorities.js';
import { JOB_VERSION, type SweepJob } from '../queues/job-data.js';
import type { QueueSet } from '../queues/queue-set.js';
import type { ItemStore } from './item-store.js';

/**
 * Orders the leftovers of an ended backup removed: staging on every host that worked for it, then work
 * directory and orphan objects. Deterministic job ids: ordering twice has one effect.
 */
export async function orderSweeps(queues: QueueSet, items: ItemStore, backup: Pick<SweepJob, 'backupId' | 'basepathId'>): Promise<void> {
  const data: SweepJob = { v: JOB_VERSION, backupId: backup.backupId, basepathId: backup.basepathId };
  const hosts = new Set([...(await items.all(backup.backupId)).values()].map((item) => item.host));
  for (const host of hosts) {
    await queues.cleanupOf(host).add('sweep-staging', data, { priority: CLEANUP_PRIORITY, jobId: `sweep-staging.${backup.backupId}` });
  }
  await queues.cleanup.add('sweep-backup', data, { priority: CLEANUP_PRIORITY, jobId: `sweep-backup.${backup.backupId}` });
}
