import { CLEANUP_PRIORITY } from '../queues/priorities.js';
import type { QueueSet } from '../queues/queue-set.js';

/** Seals within this time share one renewal of the kit's list of backups, ms. */
const COLLECT_MS = 60_000;

/** Orders the restore kits renewed soon; one order is held at a time, and one more while it is carried out: that has read its lists already. */
export async function orderKitRefresh(queues: QueueSet): Promise<void> {
  const options = { priority: CLEANUP_PRIORITY, delay: COLLECT_MS, deduplication: { id: 'refresh-kit', keepLastIfActive: true } };
  await queues.cleanup.add('refresh-kit', {}, options);
}

/** For a process that is about to end: what was to be collected is done now. */
export async function hurryKitRefresh(queues: QueueSet): Promise<void> {
  for (const job of await queues.cleanup.getDelayed()) if (job.name === 'refresh-kit') await job.promote();
}
