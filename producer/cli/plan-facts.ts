import { access } from 'node:fs/promises';
import type { BasepathRecord } from '../../shared/basepaths/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import { readLimits } from '../../shared/limits/limit-store.js';
import type { SetLimit } from '../../shared/limits/resolve.js';
import { isReservedSlot } from '../../shared/queues/names.js';
import { embeddedSocket } from '../../shared/redis/location.js';
import { factsOf } from '../../shared/runs/basepath-facts.js';
import type { BasepathNow } from '../policy/basepath-now.js';
import { policyOf } from '../policy/basepath-policy.js';
import type { FullDay } from '../policy/full-share.js';
import type { Site } from './site.js';

export interface PlanFacts {
  /** Redis answers. */
  readonly live: boolean;
  of(topdir: TopdirConfig, records: readonly BasepathRecord[]): Promise<{ basepaths: BasepathNow[]; day: FullDay | null }>;
  /** What operators set meanwhile; nothing when Redis does not answer. */
  limits(): Promise<readonly SetLimit[]>;
  /** Slots of all workers that run; null when it is not known. */
  slots(): Promise<number | null>;
  close(): void;
}

/** What decisions rest on: as the producer has it from Redis, or worked out from the catalog where Redis does not answer. */
export async function openPlanFacts(site: Site): Promise<PlanFacts> {
  if (site.config.redis.url === null && !(await access(embeddedSocket(site.config)).then(() => true, () => false))) return fromCatalog(site);
  try {
    return await fromRedis(site);
  } catch (thrown) {
    site.logger.debug({ err: toBwError(thrown) }, 'planning without Redis');
    return fromCatalog(site);
  }
}

function onProblemOf(site: Site): (error: BwError) => void {
  return (error) => { site.logger.warn({ err: error }, 'manifest not usable'); };
}

function fromCatalog(site: Site): PlanFacts {
  return {
    live: false,
    of: async (topdir, records) => {
      const basepaths: BasepathNow[] = [];
      for (const { basepathId, path } of records) {
        const facts = factsOf((await site.catalog.backupsOf(basepathId, onProblemOf(site))).values());
        basepaths.push({ basepathId, policy: policyOf(topdir, path), facts, failures: null, full: null, other: null });
      }
      return { basepaths, day: null };
    },
    limits: () => Promise.resolve([]),
    slots: () => Promise.resolve(null),
    close: () => undefined,
  };
}

/** The queue library takes 0.2 s of CPU to load: only when there is a Redis to ask. */
async function fromRedis(site: Site): Promise<PlanFacts> {
  const { commandConnection } = await import('../../shared/redis/connect.js');
  const redis = commandConnection(site.config);
  redis.on('error', () => undefined); // told by what was asked
  try {
    await redis.connect();
  } catch (thrown) {
    redis.disconnect();
    throw thrown;
  }
  const [{ QueueSet }, { gather }, { readFullDay }] = await Promise.all([
    import('../../shared/queues/queue-set.js'),
    import('../scheduler/gather.js'),
    import('../scheduler/full-days.js'),
  ]);
  const queues = new QueueSet(redis);
  const parts = { queues, catalog: site.catalog, onProblem: onProblemOf(site) };
  return {
    live: true,
    of: async (topdir, records) => ({ basepaths: await gather(parts, topdir, records), day: await readFullDay(redis, topdir.path) }),
    limits: () => readLimits(redis, Date.now()),
    slots: async () => {
      const names = (await queues.backup.getWorkers()).map((worker) => worker['rawname'] ?? worker['name'] ?? '');
      const hosts = new Set(names.filter((name) => !isReservedSlot(name))); // those are of a host that is there anyway
      return hosts.size === 0 ? null : hosts.size * site.config.worker.slots;
    },
    close: () => { redis.disconnect(); },
  };
}
