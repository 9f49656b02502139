import type { QueueSet } from '../shared/queues/queue-set.js';
import { hurryKitRefresh } from '../shared/runs/order-kit.js';

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

/** Others may seal all day: what they order then is done in its time, by them. */
const MOST_ROUNDS = 5;

/**
 * The same, and renewals of the restore kits that were to be collected are done at once, also one that was ordered while another was done. Each is hurried
 * once: one that fails waits for its next attempt.
 */
export async function drainCleanupAndKits(queues: QueueSet, host: string, signal?: AbortSignal): Promise<void> {
  const hurried = new Set<string>();
  for (let round = 0; round < MOST_ROUNDS && signal?.aborted !== true; round++) {
    const fresh = await hurryKitRefresh(queues, hurried);
    if (round > 0 && fresh.length === 0) return;
    for (const id of fresh) hurried.add(id);
    await drainCleanup(queues, host, signal);
  }
}
