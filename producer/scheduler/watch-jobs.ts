import { QueueEvents, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX, QUEUES } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';

export interface Ended {
  readonly jobId: string;
  readonly state: 'completed' | 'failed';
  /** Set when failed. */
  readonly reason: string | null;
  readonly returnValue: unknown;
}

/** Events may be missed while a connection is down; states are looked up this often besides. */
const LOOK_UP_MS = 5_000;

/**
 * Waits until all jobs of the backup queue named have ended, reporting each once as it ends. `connection` is
 * used for the event stream and closed.
 */
export async function watchJobs(
  queues: QueueSet,
  connection: Redis,
  jobIds: ReadonlySet<string>,
  onEnded: (ended: Ended) => void,
): Promise<void> {
  const open = new Set(jobIds);
  const hints: string[] = [];
  let wake: () => void = () => undefined;
  const hint = ({ jobId }: { jobId: string }): void => {
    hints.push(jobId);
    wake();
  };
  const events = new QueueEvents(QUEUES.backup, { connection, prefix: PREFIX });
  events.on('error', () => undefined); // the look-ups go on
  events.on('completed', hint);
  events.on('failed', hint);
  try {
    await events.waitUntilReady();
    let look: readonly string[] = [...open]; // ended before we listened
    for (;;) {
      await reportEnded(queues, look, open, onEnded);
      if (open.size === 0) return;
      if (hints.length === 0) await firstOf(new Promise<void>((resolve) => (wake = resolve)), LOOK_UP_MS);
      look = hints.length > 0 ? hints.splice(0) : [...open];
    }
  } finally {
    await events.close();
    connection.disconnect();
  }
}

async function reportEnded(queues: QueueSet, look: readonly string[], open: Set<string>, onEnded: (ended: Ended) => void): Promise<void> {
  for (const jobId of look) {
    if (!open.has(jobId)) continue;
    const ended = await endOf(jobId, await queues.backup.getJob(jobId));
    if (ended === null) continue;
    open.delete(jobId);
    onEnded(ended);
  }
}

async function endOf(jobId: string, job: Job | undefined): Promise<Ended | null> {
  if (job === undefined) return { jobId, state: 'failed', reason: 'JOB_GONE: the job is not in the queue any more', returnValue: null };
  if (job.finishedOn === undefined) return null;
  const failed = await job.isFailed();
  const returnValue: unknown = job.returnvalue;
  return { jobId, state: failed ? 'failed' : 'completed', reason: failed ? job.failedReason : null, returnValue };
}

async function firstOf(event: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([event, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
