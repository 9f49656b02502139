/**
 * Where the fields of a record line lie that are looked at for every path of a state: found by their blanks, because taking a million
 * lines apart by a regular expression takes as long as listing them.
 */
export interface LineFields {
  readonly type: string;
  /** Texts as in the line. */
  readonly size: string;
  readonly mtime: string;
  readonly ctime: string;
  /** Without the device, whose number changes at a remount. */
  readonly inode: string;
  readonly nlink: number;
}

/** `length`: of the key. The line must be a record's. */
export function fieldsOf(line: string, length: number): LineFields {
  const size = length + 2;
  const mtime = line.indexOf(' ', size) + 1;
  const ctime = line.indexOf(' ', mtime) + 1;
  const device = line.indexOf(' ', ctime) + 1;
  const inode = line.indexOf(':', device) + 1;
  const nlink = line.indexOf(' ', inode) + 1;
  return {
    type: line.charAt(length),
    size: line.slice(size, mtime - 1),
    mtime: line.slice(mtime, ctime - 1),
    ctime: line.slice(ctime, device - 1),
    inode: line.slice(inode, nlink - 1),
    nlink: Number(line.slice(nlink, line.indexOf(' ', nlink))),
  };
}

/** Where the flags of a record line begin; before it all that find says of a path. */
export function flagsAt(line: string): number {
  return line.lastIndexOf(' ', line.lastIndexOf(' ') - 1) + 1;
}

/** Flags of a record line, '' for none. */
export function flagsOf(line: string): string {
  const start = flagsAt(line);
  const flags = line.slice(start, line.indexOf(' ', start));
  return flags === '-' ? '' : flags;
}

/** What archives hold of the path: `SHARD.SEGMENT`, perhaps `@BACKUP`; `-` for nothing. */
export function archiveOf(line: string): string {
  return line.slice(line.lastIndexOf(' ') + 1);
}
