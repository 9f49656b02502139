import type { BytePath } from '../paths/byte-path.js';

/** What can differ. `presence`: the path is on one side only. */
export const COMPARED_FIELDS = [
  'presence',
  'type',
  'size',
  'mtime',
  'mode',
  'uid',
  'gid',
  'nlink',
  'hardlinks',
  'target',
  'rdev',
  'content',
  'acl',
  'xattr',
] as const;
export type ComparedField = (typeof COMPARED_FIELDS)[number];

export interface Difference {
  /** Below the roots, `.` for the roots themselves. */
  readonly path: BytePath;
  readonly field: ComparedField;
  /** Printable values as the programs gave them; `-` for nothing there. */
  readonly left: string;
  readonly right: string;
}

/** One path of a tree with all that is compared. Null: not asked for, or not there. */
export interface Entry {
  /** What streams are sorted and joined by; see cursor.ts. */
  readonly key: string;
  readonly path: BytePath;
  /** find's %y. */
  readonly type: string;
  readonly size: string;
  /** 512-byte blocks. */
  readonly blocks: string;
  readonly mtime: string;
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  readonly nlink: string;
  readonly target: BytePath;
  readonly sha256: string | null;
  readonly rdev: string | null;
  /** First name, in key order, of the inode within this tree. */
  readonly firstName: BytePath | null;
  /** Name to hex value. */
  readonly xattrs: ReadonlyMap<string, string>;
}
