import type { Job } from 'bullmq';
import { CLEANUP_PRIORITY } from '../queues/priorities.js';
import type { QueueSet } from '../queues/queue-set.js';

/** Seals within this time share one renewal of the kit's list of backups, ms. */
const COLLECT_MS = 60_000;

/** Orders the restore kits renewed soon; one order is held at a time, and one more while it is carried out: that has read its lists already. */
export async function orderKitRefresh(queues: QueueSet): Promise<void> {
  const options = { priority: CLEANUP_PRIORITY, delay: COLLECT_MS, deduplication: { id: 'refresh-kit', keepLastIfActive: true } };
  await queues.cleanup.add('refresh-kit', {}, options);
}

/** For a process that is about to end: what was to be collected is done now. Returns the ids of what waited; those in `but` go on waiting. */
export async function hurryKitRefresh(queues: QueueSet, but: ReadonlySet<string> = new Set()): Promise<string[]> {
  const hurried: string[] = [];
  for (const job of await queues.cleanup.getDelayed()) {
    const id = String(job.id);
    if (job.name !== 'refresh-kit' || but.has(id)) continue;
    await hurry(job);
    hurried.push(id);
  }
  return hurried;
}

/** One whose time came in this moment is taken by itself. */
async function hurry(job: Job): Promise<void> {
  await job.promote().catch(async (thrown: unknown) => {
    if (await job.isDelayed()) throw thrown;
  });
}
