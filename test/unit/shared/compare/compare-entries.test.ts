import { describe, expect, it } from 'vitest';
import { compareEntries } from '../../../../shared/compare/compare-entries.js';
import type { Entry } from '../../../../shared/compare/difference.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

const file: Entry = {
  key: 'a//', path: bytePath.of('a'), type: 'f', size: '3', blocks: '8', mtime: '1.0', mode: '644', uid: '0', gid: '0', nlink: '1',
  target: bytePath.of(''), sha256: 'aa', rdev: null, firstName: bytePath.of('a'), xattrs: new Map(),
};

function fields(left: Partial<Entry>, right: Partial<Entry>, content: 'hash' | 'none' = 'hash'): string[] {
  return compareEntries({ ...file, ...left }, { ...file, ...right }, { content }).map(({ field, left: a, right: b }) => `${field}: ${a} | ${b}`);
}

describe('compareEntries', () => {
  it('never calls the same what could not be read', () => {
    expect(fields({ sha256: null }, {})).toEqual(['content: unreadable | aa']);
    expect(fields({ sha256: null }, { sha256: null })).toEqual(['content: unreadable | unreadable too']);
    expect(fields({ sha256: null }, { sha256: null }, 'none')).toEqual([]);
  });

  it('leaves out what only follows', () => {
    expect(fields({}, { type: 'd', mode: '755', mtime: '2.0', sha256: null })).toEqual(['type: f | d']);
    expect(fields({}, { size: '4', sha256: 'bb' })).toEqual(['size: 3 | 4']);
    expect(fields({ nlink: '2' }, { firstName: bytePath.of('b') })).toEqual(['nlink: 2 | 1']);
  });

  it('leaves sizes and link counts of directories, modes and sizes of symlinks, and blocks to the filesystem', () => {
    expect(fields({ type: 'd', size: '4096', nlink: '2' }, { type: 'd', size: '6', nlink: '1' })).toEqual([]);
    expect(fields({ type: 'l', mode: '777', size: '1' }, { type: 'l', mode: '755', size: '2' })).toEqual([]);
    expect(fields({ blocks: '8' }, { blocks: '800' })).toEqual([]);
  });

  it('tells ACLs from other xattrs, in any order', () => {
    const acl: [string, string] = ['system.posix_acl_access', '0x02'];
    const other: [string, string] = ['user.x', '0x'];
    expect(fields({ xattrs: new Map([acl, other]) }, { xattrs: new Map([other, acl]) })).toEqual([]);
    expect(fields({ xattrs: new Map([acl]) }, { xattrs: new Map([other]) })).toEqual([
      'acl: system.posix_acl_access=0x02 | -',
      'xattr: - | user.x=0x',
    ]);
  });

  it('prints targets that hold odd bytes', () => {
    expect(fields({ type: 'l', target: bytePath.of('a\n\xff') }, { type: 'l', target: bytePath.of('b') })).toEqual(['target: a\\x0a\\xff | b']);
  });
});
