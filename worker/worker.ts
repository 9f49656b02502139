import { Worker, type Job, type Processor } from 'bullmq';
import type { Redis } from 'ioredis';
import { toBwError } from '../shared/errors/bw-error.js';
import { cleanupQueue, QUEUES, transferQueue } from '../shared/queues/names.js';
import { TIMING, workerOptions, type QueueTiming } from '../shared/queues/options.js';
import { failRun, parseFailedReason } from '../shared/runs/fail-run.js';
import type { WorkerContext } from './context.js';
import { processorsOf, type JobTable } from './jobs/job-table.js';
import { runJob, type StopReason } from './processor/run-job.js';

export interface RunningWorker {
  /** Lets running jobs hand themselves back, then ends. */
  close(): Promise<void>;
  /** For readiness: all queue workers run. */
  isRunning(): boolean;
}

/** Concurrency of host cleanup: deletes are short and cheap. */
const CLEANUP_CONCURRENCY = 2;

/**
 * Starts the queue workers of this host: backup slots, transfers and releases of what it staged itself, and a
 * share of the common cleanup. `connect` makes one connection per worker.
 */
export function startWorker(context: WorkerContext, connect: () => Redis, timing: QueueTiming = TIMING): RunningWorker {
  const { host, worker } = context.config;
  const plan: [string, number][] = [
    [QUEUES.backup, worker.slots],
    [transferQueue(host), worker.transferSlots],
    [cleanupQueue(host), CLEANUP_CONCURRENCY],
    [QUEUES.cleanup, 1],
  ];
  const table = processorsOf(context);
  const workers = plan.map(([queue, concurrency]) => startQueueWorker({ context, table, timing, connection: connect() }, queue, concurrency));
  return {
    close: () => closeAll(workers),
    isRunning: () => workers.every(({ worker: each }) => each.isRunning()),
  };
}

interface QueueWorker {
  readonly worker: Worker;
  readonly connection: Redis;
}

interface WorkerParts {
  readonly context: WorkerContext;
  readonly table: JobTable;
  readonly timing: QueueTiming;
  readonly connection: Redis;
}

function startQueueWorker({ context, table, timing, connection }: WorkerParts, queue: string, concurrency: number): QueueWorker {
  const worker = new Worker(queue, processor(context, table, queue), {
    ...workerOptions(`${context.config.host}/${queue}`, concurrency, timing),
    connection,
  });
  const logger = context.logger.child({ queue });
  worker.on('error', (error) => {
    logger.warn({ err: error }, 'queue connection trouble');
  });
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'lost-lock' satisfies StopReason);
  });
  worker.on('failed', (job, error) => {
    if (job?.finishedOn !== undefined) void recordTerminalFailure(context, job, error);
  });
  void worker.run().catch((thrown: unknown) => {
    logger.error({ err: toBwError(thrown) }, 'queue worker ended');
  });
  return { worker, connection };
}

/** BullMQ passes the abort signal only to processors that declare three plain parameters. */
function processor(context: WorkerContext, table: JobTable, queue: string): Processor {
  return async (job, token, signal) => {
    const work = table[job.name];
    if (work === undefined) throw new Error(`no such job: ${job.name}`);
    const logger = context.logger.child({ queue, jobId: job.id, jobName: job.name, ...idsOf(job) });
    const startedAt = performance.now();
    const finished = (outcome: 'completed' | 'retried' | 'stopped'): void => {
      context.metrics.jobFinished({ queue: metricQueue(queue), name: job.name, outcome, wallMs: performance.now() - startedAt });
    };
    const aborted = signal ?? new AbortController().signal;
    try {
      const result = await runJob({ job, token: token ?? '', signal: aborted, logger }, work);
      finished('completed');
      return result;
    } catch (thrown) {
      finished(aborted.aborted ? 'stopped' : 'retried');
      throw thrown;
    }
  };
}

function idsOf(job: Job): Record<string, unknown> {
  const data = job.data as Readonly<Record<string, unknown>>;
  const { backupId, basepathId, shard, restoreId } = data;
  return { backupId, basepathId, shard, restoreId };
}

/** Per-host queues share one series: their number is the site's number of hosts. */
function metricQueue(queue: string): string {
  return queue.replace(/^(transfer|cleanup)-.*$/, '$1');
}

async function recordTerminalFailure(context: WorkerContext, job: Job, error: Error): Promise<void> {
  const id = (job.data as { backupId?: string; restoreId?: string }).restoreId ?? (job.data as { backupId?: string }).backupId;
  if (id === undefined || !ROOT_JOBS.has(job.name)) return;
  try {
    await failRun(context, id, await rootCause(context, error));
  } catch (thrown) {
    // The producer's sweep of failed jobs reports it again.
    context.logger.error({ err: toBwError(thrown), job: job.id }, 'could not record a failed run');
  }
}

/** Jobs that stand for a whole run. */
const ROOT_JOBS: ReadonlySet<string> = new Set(['backup', 'restore']);

/** A job that failed because of a child names the child (`child PREFIX:QUEUE:ID failed`): the child's own reason says more. */
async function rootCause(context: WorkerContext, error: Error): Promise<{ code: string; message: string }> {
  const match = /^child [^:]+:([^:]+):(.+) failed$/.exec(error.message);
  if (match?.[1] === undefined || match[2] === undefined) return parseFailedReason(error.message);
  const child = await context.queues.named(match[1]).getJob(match[2]);
  return parseFailedReason(child?.failedReason ?? error.message);
}

async function closeAll(workers: readonly QueueWorker[]): Promise<void> {
  for (const { worker } of workers) worker.cancelAllJobs('shutdown' satisfies StopReason);
  await Promise.all(workers.map(({ worker }) => worker.close()));
  for (const { connection } of workers) connection.disconnect();
}
