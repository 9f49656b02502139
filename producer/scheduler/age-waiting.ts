import { backupJobSchema, parseJob } from '../../shared/queues/job-data.js';
import { takePlanTurn } from '../../shared/queues/fair-share.js';
import { laneAt, waitingLane } from '../../shared/queues/priorities.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { BasepathNow } from '../policy/basepath-now.js';
import type { BasepathDecision } from '../policy/decide.js';

/**
 * Moves overdue backups that wait upward in the queue. Only those no worker has begun: what was begun goes first anyway. Returns how many.
 * @param decided in the order of `basepaths`
 */
export async function ageWaiting(queues: QueueSet, basepaths: readonly BasepathNow[], decided: readonly BasepathDecision[]): Promise<number> {
  let moved = 0;
  for (const [index, { other }] of decided.entries()) {
    const waiting = basepaths[index]?.other ?? null;
    if (other.act !== 'in-flight' || other.priorityClass !== 'overdue-incremental' || waiting === null || waiting.started) continue;
    if (await moveUp(queues, waiting.jobId, other.missed)) moved += 1;
  }
  return moved;
}

/** Every move goes behind what waits in the new lane, so none is made without need. */
async function moveUp(queues: QueueSet, jobId: string, missed: number): Promise<boolean> {
  const job = await queues.backup.getJob(jobId);
  const lane = waitingLane('overdue-incremental', missed);
  if (job === undefined || (laneAt(job.priority)?.number ?? 0) <= lane || (await job.getState()) !== 'prioritized') return false;
  const data = parseJob(backupJobSchema, job.data, job.id);
  await job.updateData({ ...data, priorityClass: 'overdue-incremental' });
  await job.changePriority({ priority: await takePlanTurn(queues.redis, 'overdue-incremental', missed) });
  return true;
}
