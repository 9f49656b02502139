import type { BasepathRecord } from './basepath-state.js';

/**
 * Basepaths that look like ones that are gone (pure): same root inode and owner on the same filesystem. Id of the new one -> the one that is gone,
 * the last to go if there are several. Only a proposal: inode numbers are used again.
 */
export function proposeRenames(records: Iterable<BasepathRecord>): Map<string, BasepathRecord> {
  const all = [...records];
  const gone = new Map<string, BasepathRecord>();
  for (const record of all) {
    const key = directoryOf(record);
    if (record.deletedAt === null || key === null) continue;
    const other = gone.get(key)?.deletedAt ?? '';
    if (other < record.deletedAt) gone.set(key, record);
  }
  const proposals = new Map<string, BasepathRecord>();
  for (const record of all) {
    const key = directoryOf(record);
    const old = record.deletedAt === null && key !== null ? gone.get(key) : undefined;
    // An id that was retired by a rename has the path of the one it was retired for.
    if (old !== undefined && old.path !== record.path) proposals.set(record.basepathId, old);
  }
  return proposals;
}

function directoryOf({ filesystem, rootInode, owner }: BasepathRecord): string | null {
  return filesystem === null ? null : `${filesystem} ${rootInode} ${owner}`;
}
