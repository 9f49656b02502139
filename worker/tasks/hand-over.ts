import { DelayedError } from 'bullmq';
import type { JobRun } from '../processor/run-job.js';
import type { WorkerContext } from '../context.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import { toError, type OutboxItem } from '../../shared/tasks/task-record.js';
import type { TransferItem } from '../../shared/transfer/backend.js';

/** Whoever sends what a job waits for wakes it. Should that be missed, it looks by itself: after ms. */
const LOOK_AGAIN_MS = 600_000;

export interface HandOver {
  readonly lts: string;
  readonly backupId: string;
  readonly kind: OutboxItem['kind'];
  readonly items: readonly TransferItem[];
}

/**
 * Puts what a job has to bring to an asynchronous LTS into this host's outbox, for the tasks of TaskSender. Throws why a task did not bring one of them, once: trying
 * again puts it there anew. Repeating it has no further effect.
 */
export async function handOver(context: Pick<WorkerContext, 'queues' | 'config'>, { job }: JobRun, { lts, backupId, kind, items }: HandOver): Promise<void> {
  const outbox = new Outbox(context.queues.redis);
  const [error] = await outbox.takeErrors(lts, items.map(({ object }) => object));
  if (error !== undefined) throw toError(error);
  const waiter = `${job.queueName} ${String(job.id)}`;
  await outbox.put(lts, context.config.host, items.map(({ object, file, bytes, sha512 }) => ({ object, file, bytes, sha512, backupId, kind, priority: job.priority, job: waiter })));
}

/**
 * Puts a job that has handed over something aside until that is through: no slot is held, no attempt spent. `isOver`: whether it is by now; who ended it while
 * the job was still running could not wake it. Always throws DelayedError.
 */
export async function waitForTasks({ job, token }: Pick<JobRun, 'job' | 'token'>, isOver: () => Promise<boolean>): Promise<never> {
  await job.moveToDelayed(Date.now() + LOOK_AGAIN_MS, token);
  if (await isOver()) await job.promote().catch(() => undefined); // it was woken in this moment
  throw new DelayedError('waits for transfer tasks');
}
