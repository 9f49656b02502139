import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { findInIndex } from '../../../shared/index/find-in-index.js';
import { recordPath } from '../../../shared/index/record.js';
import { showPath, type BytePath } from '../../../shared/paths/byte-path.js';

/**
 * Keys of the archives that hold the wanted paths (and all below them), from the index: other archives are
 * not opened. Throws RESTORE_PATH_UNKNOWN naming every path the backup does not hold.
 */
export async function archivesHolding(indexFile: string, paths: readonly BytePath[]): Promise<Set<string>> {
  const keys = new Set<string>();
  const unseen = new Set(paths);
  for await (const records of findInIndex(indexFile, paths)) {
    for (const record of records) {
      if (record.archive !== '') keys.add(record.archive);
      markSeen(unseen, recordPath(record));
    }
  }
  if (unseen.size > 0) throw unknownPaths([...unseen]);
  return keys;
}

function markSeen(unseen: Set<BytePath>, path: BytePath): void {
  for (const wanted of unseen) {
    if (path === wanted || path.startsWith(`${wanted}/`)) unseen.delete(wanted);
  }
}

/** Data archives in the groups they must be restored in, one after the other; those of one group run in parallel. */
export function restoreGroups(manifest: Manifest, keys: ReadonlySet<string> | null): string[][] {
  const wanted = manifest.archives.filter((archive) => archive.kind !== 'metadata' && (keys === null || keys.has(archive.key)));
  const orders = [...new Set(wanted.map((archive) => archive.restoreOrder))].sort((a, b) => a - b);
  return orders.map((order) => wanted.filter((archive) => archive.restoreOrder === order).map((archive) => archive.key));
}

function unknownPaths(paths: readonly BytePath[]): BwError {
  return new BwError('RESTORE_PATH_UNKNOWN', {
    message: 'the backup does not hold these paths',
    detail: paths.map(showPath).join('\n'),
    retry: 'permanent',
    hint: 'Paths are relative to the basepath; look them up with `bw-bkup ls BACKUP PATTERN`.',
  });
}
