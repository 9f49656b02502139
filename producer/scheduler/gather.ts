import type { BasepathRecord } from '../../shared/basepaths/index.js';
import type { Catalog } from '../../shared/catalog/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import type { BwError } from '../../shared/errors/bw-error.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { BasepathFacts } from '../../shared/runs/basepath-facts.js';
import { failuresOfAll } from '../../shared/runs/failures.js';
import { newestOfAll, refreshNewest } from '../../shared/runs/newest.js';
import type { BasepathNow } from '../policy/basepath-now.js';
import { policyOf } from '../policy/basepath-policy.js';
import { inFlightOf } from './in-flight.js';

export interface GatherParts {
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  readonly onProblem: (error: BwError) => void;
}

/** All that decisions about basepaths of one topdir rest on, from Redis; of those that Redis has nothing of, from the catalog. */
export async function gather(parts: GatherParts, topdir: TopdirConfig, records: readonly BasepathRecord[]): Promise<BasepathNow[]> {
  const ids = records.map(({ basepathId }) => basepathId);
  const { redis } = parts.queues;
  const [known, failures, inFlight] = await Promise.all([newestOfAll(redis, ids), failuresOfAll(redis, ids), inFlightOf(parts.queues, ids)]);
  const facts = await withCatalog(parts, known, ids);
  return records.map((record) => {
    const { basepathId } = record;
    const { full = null, other = null } = inFlight.get(basepathId) ?? {};
    return { basepathId, policy: policyOf(topdir, record.path), facts: facts.get(basepathId) ?? null, failures: failures.get(basepathId) ?? null, full, other };
  });
}

/** A Redis that is new, or was wiped, must not make fulls of everything due: only the catalog knows that there is no sealed backup. */
async function withCatalog({ queues, catalog, onProblem }: GatherParts, known: ReadonlyMap<string, BasepathFacts>, ids: readonly string[]): Promise<ReadonlyMap<string, BasepathFacts>> {
  const missing = ids.filter((id) => !known.has(id));
  if (missing.length === 0) return known;
  const sealed = new Set(await catalog.listBasepathIds());
  const facts = new Map(known);
  for (const id of missing) {
    const found = sealed.has(id) ? await refreshNewest(queues.redis, catalog, id, onProblem) : null;
    if (found !== null) facts.set(id, found);
  }
  return facts;
}
