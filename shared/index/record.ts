import { bytePath, type BytePath } from '../paths/byte-path.js';

/** find's %y: d directory, f file, l symlink, p fifo, s socket, b/c device, D door, U unknown. */
export type FileType = 'd' | 'f' | 'l' | 'p' | 's' | 'b' | 'c' | 'D' | 'U';

/**
 * One path of an index. Numbers that can exceed 2^53 (size, inode) and times stay text: they are
 * compared, hardly ever computed with.
 *
 * Line format (NUL-terminated, bytes): `DIRNAME//NAME/TYPE SIZE MTIME CTIME DEV:INO NLINK MODE UID GID BLOCKS FLAGS ARCHIVE`.
 * DIRNAME is `.` or `./a/b`; a directory is the NAME `.` of itself (`./a/b//./d ...`, the basepath `.//./d ...`), so
 * that it stands with what it contains: dar enters every directory it is given, and one listed apart from its content
 * would be read twice (measured: 5.9 s against 3.2 s for a shard that held all 2,000 directories of a tree). A path
 * neither holds `//` nor ends in `/`, so both separators are unambiguous, and `LC_ALL=C sort -z` keeps the entries
 * of a directory, and all below it, together.
 */
export interface IndexRecord {
  /** `.` or `./a/b`. */
  readonly dirname: BytePath;
  readonly name: BytePath;
  readonly type: FileType;
  /** Bytes, decimal. */
  readonly size: string;
  /** Seconds since the epoch with 9 or 10 decimals, as find prints them; may be negative. */
  readonly mtime: string;
  readonly ctime: string;
  /** `DEV:INO`, decimal. */
  readonly inode: string;
  readonly nlink: number;
  /** Octal permission bits. */
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  /** 512-byte blocks. */
  readonly blocks: string;
  /** RecordFlag letters, '' for none (`-` in the line). */
  readonly flags: string;
  /** Key of the archive that holds it: `SHARD.SEGMENT`, of an ancestor `SHARD.SEGMENT@BACKUP`; '' while not saved (`-` in the line). */
  readonly archive: string;
}

/**
 * u: directory could not be listed (its content is unknown) · x: exception, the archive does not hold
 * this state · c: content changed while read, saved but dirty · t: saved, but time altered (before 1970) · e: excluded now, the chain
 * holds it from before. Flagged records count as changed next time.
 */
export type RecordFlag = 'u' | 'x' | 'c' | 't' | 'e';

/** Path relative to the basepath, without leading `./`; `.` for the basepath itself. */
export function recordPath(record: Pick<IndexRecord, 'dirname' | 'name'>): BytePath {
  if (record.dirname === '.') return record.name;
  if (record.name === '.') return bytePath.of(record.dirname.slice(2));
  return bytePath.of(`${record.dirname.slice(2)}/${record.name}`);
}
