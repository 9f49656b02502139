import { watchJobs, type Ended } from '../scheduler/watch-jobs.js';
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
    throw unreachable(where, thrown);
  } finally {
    await progress.stop();
  }
  return found.ended;
}
