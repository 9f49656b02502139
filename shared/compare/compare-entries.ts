import { showPath } from '../paths/byte-path.js';
import type { ComparedField, Difference, Entry } from './difference.js';

type Values = readonly [field: ComparedField, left: string, right: string];

/**
 * What differs between two entries of one path. A difference that only follows from another is left out: another
 * type makes everything else another, another size the content.
 */
export function compareEntries(left: Entry, right: Entry, options: { readonly content: 'hash' | 'none' }): Difference[] {
  const values = left.type === right.type ? sameType(left, right, options.content) : ([['type', left.type, right.type]] as const);
  return values.filter(([, a, b]) => a !== b).map(([field, a, b]) => ({ path: left.path, field, left: a, right: b }));
}

function sameType(left: Entry, right: Entry, content: 'hash' | 'none'): Values[] {
  const [leftAcl, leftOther] = splitXattrs(left);
  const [rightAcl, rightOther] = splitXattrs(right);
  return [
    ['mtime', left.mtime, right.mtime],
    ...modeValues(left, right),
    ['uid', left.uid, right.uid],
    ['gid', left.gid, right.gid],
    ...typeValues(left, right, content),
    ...linkValues(left, right),
    ['acl', leftAcl, rightAcl],
    ['xattr', leftOther, rightOther],
  ];
}

/** A symlink's own mode means nothing and cannot be set. */
function modeValues(left: Entry, right: Entry): Values[] {
  return left.type === 'l' ? [] : [['mode', left.mode, right.mode]];
}

function typeValues(left: Entry, right: Entry, content: 'hash' | 'none'): Values[] {
  if (left.type === 'l') return [['target', showPath(left.target), showPath(right.target)]];
  if (left.type === 'b' || left.type === 'c') return [['rdev', left.rdev ?? 'unreadable', right.rdev ?? 'unreadable']];
  if (left.type !== 'f') return [];
  if (left.size !== right.size) return [['size', left.size, right.size]];
  return content === 'none' ? [] : [contentValues(left, right)];
}

/** Unreadable on both sides is a difference as well: nobody can say that it is the same. */
function contentValues(left: Entry, right: Entry): Values {
  if (left.sha256 === null && right.sha256 === null) return ['content', 'unreadable', 'unreadable too'];
  return ['content', left.sha256 ?? 'unreadable', right.sha256 ?? 'unreadable'];
}

/** With equal counts the names may still be grouped another way. */
function linkValues(left: Entry, right: Entry): Values[] {
  if (left.type === 'd') return [];
  if (left.nlink !== right.nlink) return [['nlink', left.nlink, right.nlink]];
  return [['hardlinks', showFirst(left), showFirst(right)]];
}

function showFirst(entry: Entry): string {
  return entry.firstName === null ? 'unreadable' : `first name ${showPath(entry.firstName)}`;
}

/** ACLs are the xattrs of that prefix; both as `NAME=0xHEX` lists, `-` for none. */
function splitXattrs(entry: Entry): [acl: string, other: string] {
  const sorted = [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1));
  const show = (acl: boolean): string =>
    sorted.filter(([name]) => name.startsWith('system.posix_acl_') === acl).map(([name, value]) => `${name}=${value}`).join(' ') || '-';
  return [show(true), show(false)];
}
