import { JOB_VERSION, type CopyJob } from '../queues/job-data.js';
import { COPY_PRIORITY } from '../queues/priorities.js';
import type { QueueSet } from '../queues/queue-set.js';

export type CopyOrder = Pick<CopyJob, 'basepathId' | 'backupId' | 'lts' | 'repair'>;

/** Orders the copy of a backup in an LTS made (or, with repair, looked at and mended). One order at a time for each: another one is the same. Returns the id of its job. */
export async function orderCopy(queues: QueueSet, { basepathId, backupId, lts, repair }: CopyOrder): Promise<string> {
  const data: CopyJob = { v: JOB_VERSION, basepathId, backupId, lts, repair };
  const job = await queues.copies.add('copy', data, { priority: COPY_PRIORITY, deduplication: { id: orderId({ backupId, lts }) } });
  return String(job.id);
}

/** Whether one is on order, or being made. */
export async function isCopyOrdered(queues: QueueSet, order: Pick<CopyOrder, 'backupId' | 'lts'>): Promise<boolean> {
  return (await queues.copies.getDeduplicationJobId(orderId(order))) !== null;
}

function orderId({ backupId, lts }: Pick<CopyOrder, 'backupId' | 'lts'>): string {
  return `copy.${backupId}.${lts}`;
}
