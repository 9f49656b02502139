import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { ancestorsOf } from '../../../shared/paths/ancestors.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import type { TakenAway } from './removals-archive.js';

/**
 * Removals of what a state holds below something that is no directory (any more): a full can, when a directory became a link between two of its
 * shards. They become one of whatever stands above, which is in `lists` to be saved anew. Else a replay would make a directory of it, to take something out,
 * and save it over that, where dar 2.7.8 leaves out owner, mode and times. `lists`: what the backup is to save.
 * `raised`: what earlier calls for the same backup made; it grows. It is not taken away again, nor are attributes of it.
 */
export async function raiseRemovals(takenAway: readonly TakenAway[], lists: AsyncIterable<readonly IndexRecord[]>, raised: Set<BytePath>): Promise<TakenAway[]> {
  const above = new Set<BytePath>(takenAway.flatMap(({ what, path }) => (what === 'path' ? ancestorsOf(path) : [])));
  const notDirectories = above.size === 0 ? above : await amongOthers(above, lists);
  if (notDirectories.size + raised.size === 0) return [...takenAway];
  const left = takenAway.flatMap((each) => {
    const path = each.what === 'path' ? ancestorsOf(each.path).find((ancestor) => notDirectories.has(ancestor)) : undefined;
    if (path === undefined) return [each];
    if (raised.has(path)) return [];
    raised.add(path);
    return [{ what: 'path' as const, path }];
  });
  return left.filter(({ what, path }) => what === 'path' || !raised.has(path));
}

/** Those of the paths that are listed as something else than a directory. */
async function amongOthers(paths: ReadonlySet<BytePath>, lists: AsyncIterable<readonly IndexRecord[]>): Promise<ReadonlySet<BytePath>> {
  const found = new Set<BytePath>();
  for await (const records of lists) {
    for (const record of records) {
      if (record.type === 'd') continue;
      const path = recordPath(record);
      if (paths.has(path)) found.add(path);
    }
  }
  return found;
}
