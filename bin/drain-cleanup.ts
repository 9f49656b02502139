import type { QueueSet } from '../shared/queues/queue-set.js';

/** Cleanup jobs take milliseconds; asking more often than this only costs. */
const POLL_MS = 50;

/** Waits until nothing is left to be cleaned up by this host. Failed and delayed (to be retried) jobs do not hold it up; `signal` ends the waiting. */
export async function drainCleanup(queues: QueueSet, host: string, signal?: AbortSignal): Promise<void> {
  const watched = [queues.cleanup, queues.cleanupOf(host)];
  while (signal?.aborted !== true) {
    const counts = await Promise.all(watched.map((queue) => queue.getJobCounts('active', 'waiting', 'prioritized')));
    const left = counts.reduce((sum, count) => sum + Object.values(count).reduce((all, each) => all + each, 0), 0);
    if (left === 0) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
