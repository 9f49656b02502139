import { watchJobs, type Ended } from '../scheduler/watch-jobs.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { unreachable } from '../../shared/redis/check-server.js';
import { redisLocation, workerConnection } from '../../shared/redis/connect.js';
import type { Session } from './session.js';
import { showProgress } from './show-progress.js';
import type { CommonOptions } from './site.js';

/** A private Redis that is away this long has no process any more; a site's Redis is waited for. */
const PRIVATE_OUTAGE_MS = 15_000;

/**
 * Waits until a job of the backup queue has ended, showing progress; null when `signal` ended the waiting. Throws
 * REDIS_UNREACHABLE when the process that had the private Redis is gone.
 */
export async function waitForJob(session: Session, jobId: string, options: CommonOptions, signal: AbortSignal): Promise<Ended | null> {
  const progress = showProgress(session.runs, options, (run) => run.jobId === jobId);
  const where = redisLocation(session.config);
  const found: { ended: Ended | null } = { ended: null };
  const watching = {
    signal,
    outageMs: session.config.redis.url === null ? PRIVATE_OUTAGE_MS : Infinity,
    onOutage: () => { progress.say(`Redis at ${where} does not answer: waiting for it.`); },
  };
  try {
    await watchJobs(session.queues, workerConnection(session.config), new Set([jobId]), (each) => (found.ended = each), watching);
  } catch (thrown) {
    throw session.config.redis.url === null ? workerGone(where, thrown) : unreachable(where, thrown);
  } finally {
    await progress.stop();
  }
  return found.ended;
}

/** The Redis of another bw-bkup process ended with it. */
function workerGone(where: string, cause: unknown): BwError {
  return new BwError('REDIS_UNREACHABLE', {
    message: 'the bw-bkup process that did the work has ended',
    subject: where,
    retry: 'retry',
    hint: 'Nothing is lost, the job is still in its queue: `bw-bkup standalone` goes on with it (or --once); see `bw-bkup status`.',
    cause,
  });
}
