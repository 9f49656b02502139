import type { BytePath } from '../paths/byte-path.js';
import { keyOfPath } from './format.js';
import type { FileType } from './record.js';

/** One entry of an archive's catalogue. */
export interface SavedEntry {
  /** Relative to the root, no leading `./`. */
  readonly path: BytePath;
  readonly type: FileType;
  /** Bytes, decimal; '' unless a regular file. */
  readonly size: string;
  /** Whole seconds since the epoch, decimal. */
  readonly mtime: string;
  readonly ctime: string;
  readonly hasEa: boolean;
  /** Its content changed while dar read it. */
  readonly dirty: boolean;
  /** Not an entry but the record of a deletion. */
  readonly removed: boolean;
  /** dar's word for what is stored: `saved`; `referenced` in an isolated catalogue. */
  readonly data: string;
  readonly hardlinked: boolean;
}

/** What is compared of an entry. */
export interface EntryFacts {
  readonly type: FileType;
  readonly size: string;
  readonly mtime: string;
  readonly ctime: string;
  readonly dirty: boolean;
  /** False for a deletion, or an entry without its data. */
  readonly stored: boolean;
}

/** `DIRNAME//NAME/TYPE SIZE MTIME CTIME STATE`: sorts like the index. STATE: `-`, d dirty, n nothing stored. */
export function entryLine(entry: SavedEntry): string {
  const stored = !entry.removed && (entry.data === 'saved' || entry.data === 'referenced');
  const state = stored ? (entry.dirty ? 'd' : '-') : 'n';
  return `${keyOfPath(entry.path, entry.type)}${entry.type} ${entry.size} ${entry.mtime} ${entry.ctime} ${state}`;
}

/** `keyLength`: where the fields begin. */
export function parseEntry(line: string, keyLength: number): EntryFacts {
  const [type, size, mtime, ctime, state] = line.slice(keyLength).split(' ') as [FileType, string, string, string, string];
  return { type, size, mtime, ctime, dirty: state === 'd', stored: state !== 'n' };
}
