import { readBasepaths } from '../../shared/basepaths/index.js';
import { FAILURES_KEY, NEWEST_KEY, RECONCILE_AT_KEY } from '../../shared/queues/names.js';
import type { ReconcileParts } from './parts.js';

/** Basepaths that a round of the producer looks at: with their objects in long-term storage some 100,000 of them are through in 17 days of hourly rounds. */
export const SLICE = 250;

/** Every basepath that anything knows of, ascending. */
export async function allBasepaths({ catalog, runs }: ReconcileParts): Promise<string[]> {
  const [listed, registry, indexed, failed] = await Promise.all([
    catalog.listBasepathIds(),
    readBasepaths(catalog.journalDir, () => undefined),
    runs.redis.hkeys(NEWEST_KEY),
    runs.redis.hkeys(FAILURES_KEY),
  ]);
  return [...new Set([...listed, ...indexed, ...failed, ...[...registry.all()].map(({ basepathId }) => basepathId)])].sort();
}

/** The next ones after the last round's, from the beginning again after the last (pure). */
export function sliceAfter(ids: readonly string[], last: string | null, size: number): string[] {
  const from = last === null ? 0 : ids.findIndex((id) => id > last);
  const begin = from === -1 ? 0 : from;
  return ids.slice(begin, begin + size);
}

/** The slice of this round; the next one begins behind it when this one is through. */
export async function takeSlice(parts: ReconcileParts): Promise<{ readonly ids: readonly string[]; readonly done: () => Promise<void> }> {
  const { redis } = parts.runs;
  const ids = sliceAfter(await allBasepaths(parts), await redis.get(RECONCILE_AT_KEY), SLICE);
  const last = ids.at(-1);
  return { ids, done: async () => { if (last !== undefined) await redis.set(RECONCILE_AT_KEY, last); } };
}
