import { JOB_VERSION, type CopyJob } from '../queues/job-data.js';
import { COPY_PRIORITY } from '../queues/priorities.js';
import type { QueueSet } from '../queues/queue-set.js';

export type CopyOrder = Pick<CopyJob, 'basepathId' | 'backupId' | 'lts' | 'repair'>;

/** Orders the copy of a backup in an LTS made (or, with repair, looked at and mended). One order of each kind at a time: another one is the same. Returns the id of its job. */
export async function orderCopy(queues: QueueSet, { basepathId, backupId, lts, repair }: CopyOrder): Promise<string> {
  const data: CopyJob = { v: JOB_VERSION, basepathId, backupId, lts, repair };
  const job = await queues.copies.add('copy', data, { priority: COPY_PRIORITY, deduplication: { id: orderId({ backupId, lts, repair }) } });
  return String(job.id);
}

/** Whether one is on order, or being made. */
export async function isCopyOrdered(queues: QueueSet, order: Pick<CopyOrder, 'backupId' | 'lts'>): Promise<boolean> {
  const ordered = await Promise.all([false, true].map((repair) => queues.copies.getDeduplicationJobId(orderId({ ...order, repair }))));
  return ordered.some((jobId) => jobId !== null);
}

/** A copy that waits looks for nothing that is damaged: it is no repair. */
function orderId({ backupId, lts, repair }: Pick<CopyOrder, 'backupId' | 'lts' | 'repair'>): string {
  return `${repair ? 'repair' : 'copy'}.${backupId}.${lts}`;
}
