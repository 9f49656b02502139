import type { Job } from 'bullmq';
import type { Config } from '../../shared/config/config.js';
import { limitInForce } from '../../shared/limits/configured.js';
import { readLimits } from '../../shared/limits/limit-store.js';
import { readStanding } from '../../shared/hosts/read-standing.js';
import { entryOf, waitsForWindowMs } from '../../shared/limits/may-start.js';
import { Places } from '../../shared/limits/places.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';

/** Of jobs that wait those that a worker would let start: for one that it would park, nobody has to give way. */
export async function thoseThatMayStart(queues: QueueSet, config: Config, jobs: readonly Job[], nowMs = Date.now()): Promise<Job[]> {
  const { redis } = queues;
  const set = await readLimits(redis, nowMs);
  const places = new Places(redis);
  const { incidents, parked } = await readStanding(queues);
  const hung = new Set([...incidents, ...parked.map(({ basepathId }) => basepathId)]);
  const may = await Promise.all(
    jobs.map(async (job) => {
      const entry = entryOf(job as Job<{ topdir?: unknown; priorityClass?: unknown }>);
      if (entry === null) return true;
      const { topdir, takesPlace } = entry;
      if (hung.has(topdir) || hung.has((job.data as { basepathId?: string }).basepathId ?? '')) return false;
      const timeZone = config.topdirs.find(({ path }) => path === topdir)?.schedule.timezone ?? 'UTC';
      if (waitsForWindowMs(entry, limitInForce(config, set, 'windows.fulls', { topdir }, nowMs), timeZone, nowMs) > 0) return false;
      const limit = takesPlace ? limitInForce(config, set, 'concurrency', { topdir }, nowMs) : null;
      return limit === null || !(await places.isFull(topdir, limit));
    }),
  );
  return jobs.filter((_, index) => may[index]);
}
