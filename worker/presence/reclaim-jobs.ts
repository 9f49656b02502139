import type { Job } from 'bullmq';
import { toBwError } from '../../shared/errors/bw-error.js';
import { startOf } from '../../shared/hosts/process-start.js';
import { isDead, type WorkerProcess } from '../../shared/hosts/silence.js';
import { parseJob, shardJobSchema } from '../../shared/queues/job-data.js';
import { moveToHead } from '../../shared/queues/move-to-head.js';
import { cleanupQueue, QUEUES, transferQueue } from '../../shared/queues/names.js';
import { MAX_STALLED } from '../../shared/queues/options.js';
import { countStall, lockHolder, markStalled } from '../../shared/queues/release-locks.js';
import type { WorkerContext } from '../context.js';
import { findShard, keptParts } from '../jobs/shard/open-shard.js';

export interface Reclaiming {
  readonly context: WorkerContext;
  readonly own: WorkerProcess;
  /** Aborted when this worker is to end: the jobs go back at once, with what is kept by then. */
  readonly signal: AbortSignal;
  readonly lockDurationMs: number;
}

interface HeldJob {
  readonly queue: string;
  readonly job: Job;
  /** Of the worker that died. */
  readonly token: string;
}

/**
 * Gives back what worker processes of this host held that are dead beyond doubt: at once, where otherwise their locks would have to end (5 min), to the head of
 * its class, without spending an attempt. What their shards saved lies here and becomes a kept part first, so that it counts whichever host goes on. Returns how many jobs.
 */
export async function reclaimJobs(reclaiming: Reclaiming): Promise<number> {
  const { context, own } = reclaiming;
  let reclaimed = 0;
  for (const { process, left = false } of (await context.presence.heard()).processes) {
    if (!(left ? process.host === own.host : isDead(process, own, await startOf(process.pid)))) continue;
    if (!(await context.presence.forget(process.incarnation)) || left) continue; // another process of this host does it; what ended in good order holds nothing
    const held = await heldBy(context, process);
    await Promise.all(held.map((each) => giveBack(reclaiming, each)));
    if (held.length > 0) context.logger.warn({ jobs: held.length, pid: process.pid }, 'a worker of this host was killed: its jobs are given back');
    reclaimed += held.length;
  }
  return reclaimed;
}

async function heldBy({ queues, config: { host } }: WorkerContext, { lockers }: WorkerProcess): Promise<HeldJob[]> {
  const held: HeldJob[] = [];
  for (const queue of [QUEUES.backup, QUEUES.cleanup, QUEUES.copies, transferQueue(host), cleanupQueue(host)]) {
    for (const job of await queues.named(queue).getActive()) {
      const token = await lockHolder(queues.redis, queue, String(job.id));
      if (token !== null && lockers.some((locker) => token.startsWith(`${locker}:`))) held.push({ queue, job, token });
    }
  }
  return held;
}

async function giveBack(reclaiming: Reclaiming, held: HeldJob): Promise<void> {
  const { context: { queues, logger } } = reclaiming;
  const { queue, job, token } = held;
  try {
    if (job.name === 'shard') await keepShard(reclaiming, held);
    // The bound on crashes is BullMQ's: a job that kills every worker is not given to one for ever.
    if ((await countStall(queues.redis, queue, String(job.id))) < MAX_STALLED) await moveToHead(queues.redis, queue, job, token);
    else await markStalled(queues.redis, queue, String(job.id));
  } catch (thrown) {
    logger.warn({ err: toBwError(thrown), queue, jobId: job.id }, 'a job of a worker that was killed is given back when its lock ends');
  }
}

/** Nobody else is given the job meanwhile: its lock is kept in the name of who died. */
async function keepShard({ context, signal, lockDurationMs }: Reclaiming, { job, token }: HeldJob): Promise<void> {
  const logger = context.logger.child({ jobId: job.id });
  const keepLock = (): void => { void job.extendLock(token, lockDurationMs).catch(() => undefined); };
  keepLock();
  const timer = setInterval(keepLock, lockDurationMs / 4);
  try {
    const data = parseJob(shardJobSchema, job.data, job.id);
    const start = await context.runs.currentStart(data.backupId, data.shard);
    if (start === null) return;
    const place = await findShard({ context, data, start, attemptsStarted: job.attemptsStarted + 1, signal, logger });
    await keptParts(place);
  } catch (thrown) {
    logger.warn({ err: toBwError(thrown) }, 'what a shard of a worker that was killed saved is left to its next start');
  } finally {
    clearInterval(timer);
  }
}
