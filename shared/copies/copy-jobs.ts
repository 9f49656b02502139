import { copyJobSchema } from '../queues/job-data.js';
import type { QueueSet } from '../queues/queue-set.js';

/** An order for a copy, as the queue has it. parked: it waits for the end of an outage, or to be tried again. */
export interface CopyOrderState {
  readonly basepathId: string;
  readonly backupId: string;
  readonly lts: string;
  readonly state: 'running' | 'waiting' | 'parked' | 'failed';
  /** Of one that failed. */
  readonly reason: string | null;
}

const STATES = [['active', 'running'], ['waiting', 'waiting'], ['prioritized', 'waiting'], ['delayed', 'parked'], ['failed', 'failed']] as const;

/** All orders on record but those that are through. */
export async function copyOrders({ copies }: QueueSet): Promise<CopyOrderState[]> {
  const found: CopyOrderState[] = [];
  for (const [inQueue, state] of STATES) {
    for (const job of await copies.getJobs([inQueue])) {
      const data = copyJobSchema.safeParse(job.data).data;
      if (data === undefined) continue;
      const { basepathId, backupId, lts } = data;
      found.push({ basepathId, backupId, lts, state, reason: state === 'failed' ? job.failedReason : null });
    }
  }
  return found;
}
