import type { CatalogueEntry } from '../dar/index.js';
import { splitPath } from '../index/format.js';
import type { IndexRecord } from '../index/record.js';
import type { OwnerIds } from './owner-ids.js';

/** Key of the one archive of an imported backup. */
export const IMPORTED_KEY = '1.1';

/** What an archive holds of an entry: all · metadata: the content is that of the reference · nothing: it is as in the reference. */
export type Held = 'all' | 'metadata' | 'nothing';

export function heldOf({ data, hasEa }: CatalogueEntry): Held {
  if (data === 'saved') return 'all';
  return data === 'inode-only' || hasEa ? 'metadata' : 'nothing';
}

/** The index record of an entry (pure): what a catalogue tells. Inodes are unknown, times are whole seconds. */
export function recordOf(entry: CatalogueEntry, users: Pick<OwnerIds, 'idOf'>, groups: Pick<OwnerIds, 'idOf'>): IndexRecord {
  const { path, type, size, mtime, ctime, dirty, inode } = entry;
  return {
    ...splitPath(path, type),
    type,
    size: size === '' ? '0' : size,
    mtime,
    ctime: ctime === '' ? mtime : ctime,
    inode: '0:0',
    nlink: entry.hardlinked ? 2 : 1,
    mode: octalMode(inode?.permissions ?? ''),
    uid: users.idOf(inode?.user ?? '0'),
    gid: groups.idOf(inode?.group ?? '0'),
    blocks: '0',
    flags: dirty ? 'c' : '',
    archive: IMPORTED_KEY,
  };
}

/** `rwsr-x--T` as find prints it: `5750` and so on. */
export function octalMode(permissions: string): string {
  let mode = 0;
  for (let i = 0; i < 9; i++) {
    const letter = permissions[i] ?? '-';
    if (!'-ST'.includes(letter)) mode |= 1 << (8 - i);
    if ('sStT'.includes(letter)) mode |= [0o4000, 0o2000, 0o1000][Math.floor(i / 3)] ?? 0;
  }
  return mode.toString(8);
}
