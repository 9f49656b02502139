import { DelayedError, WaitingChildrenError } from 'bullmq';
import { toBwError } from '../../shared/errors/bw-error.js';
import type { WorkerContext } from '../context.js';
import type { JobRun } from '../processor/run-job.js';
import type { Asking, Breakers } from './breakers.js';

/** Does the work of a job unless something it needs is out, or proves to be: then the job waits, and this throws DelayedError. */
export async function unlessOut<T>(context: Pick<WorkerContext, 'breakers'>, run: JobRun, queue: string, work: () => Promise<T>): Promise<T> {
  const { breakers } = context;
  const asking = { job: run.job, token: run.token, queue };
  await breakers.enter(asking);
  try {
    const done = await work();
    await breakers.succeeded(asking).catch((thrown: unknown) => { run.logger.debug({ err: toBwError(thrown) }, 'success not noted'); });
    return done;
  } catch (thrown) {
    if (!run.signal.aborted && !(thrown instanceof WaitingChildrenError) && !isQueues(thrown)) await parkIfOut(breakers, asking, thrown, run);
    throw thrown;
  }
}

/** That Redis is away must not hide what went wrong. */
async function parkIfOut(breakers: Breakers, asking: Asking, thrown: unknown, { logger }: JobRun): Promise<void> {
  try {
    await breakers.judge(asking, toBwError(thrown));
  } catch (judged) {
    if (judged instanceof DelayedError) throw judged;
    logger.warn({ err: toBwError(judged) }, 'could not look whether an outage is why the job failed');
  }
}

/** The gate, or the queue, has put it elsewhere already. */
function isQueues(thrown: unknown): boolean {
  return thrown instanceof Error && ['DelayedError', 'WaitingError', 'RateLimitError'].includes(thrown.name);
}
