import { WaitingChildrenError } from 'bullmq';
import { toBwError } from '../../shared/errors/bw-error.js';
import { jobErrorOf, noteError } from '../../shared/dead-letters/last-error.js';
import type { WorkerContext } from '../context.js';
import { runOf } from './failures.js';
import type { JobRun } from './run-job.js';

/** Does the work of a job; what goes wrong is noted beside its run, so that a dead letter can tell more than the queue's one line. */
export async function noting<T>(context: WorkerContext, run: JobRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const id = runOf(run.job);
    const isWrong = !run.signal.aborted || run.signal.reason === 'hung';
    if (id !== undefined && isWrong && !(thrown instanceof WaitingChildrenError)) await note(context, run, id, thrown);
    throw thrown;
  }
}

/** That Redis is away must not hide what went wrong. */
async function note(context: WorkerContext, { job, logger }: JobRun, id: string, thrown: unknown): Promise<void> {
  const where = { host: context.config.host, job: describeJob(job), attempt: job.attemptsMade + 1, at: context.now().toISOString() };
  await noteError(context.runs.redis, id, jobErrorOf(toBwError(thrown), where)).catch((error: unknown) => {
    logger.warn({ err: toBwError(error) }, 'could not note how the attempt ended');
  });
}

/** `shard 3`, `send`: which part of the run. */
function describeJob({ name, data }: JobRun['job']): string {
  const { shard, part } = data as { shard?: number; part?: number };
  const number = shard ?? part;
  return number === undefined ? name : `${name} ${number}`;
}
