import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../../../shared/catalog/index.js';
import { bytePath } from '../../../../../shared/paths/byte-path.js';
import { checkIdentity } from '../../../../../worker/jobs/backup/source-identity.js';

const root = bytePath.fromText('/u/staff/alice');
const newest = { backupId: '01JQZX3K5V8W9Y2A4B6C7D8E9F', source: { fsType: 'lustre', fsId: 'abc', rootInode: '7', owner: '1000' } } as Manifest;
const same = { inode: '7', owner: '1000' };

describe('checkIdentity', () => {
  it('accepts a first backup, the same filesystem, and a change on purpose', () => {
    checkIdentity(root, { ...same, fsType: 'xfs', fsId: '1' }, null, false);
    checkIdentity(root, { ...same, fsType: 'lustre', fsId: 'abc' }, newest, false);
    checkIdentity(root, { ...same, fsType: 'xfs', fsId: '1' }, newest, true);
  });

  it.each([
    { fsType: 'xfs', fsId: 'abc' },
    { fsType: 'lustre', fsId: 'other' },
  ])('refuses another filesystem (%o): it was probably not mounted', (now) => {
    expect(() => { checkIdentity(root, { ...same, ...now }, newest, false); }).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED', retry: 'operator', subject: '/u/staff/alice' }));
  });

  it.each([
    { inode: '8', owner: '1000' },
    { inode: '7', owner: '2000' },
  ])('refuses another directory of the same name (%o), unless that is meant', (now) => {
    const there = { fsType: 'lustre', fsId: 'abc', ...now };
    expect(() => { checkIdentity(root, there, newest, false); }).toThrow(expect.objectContaining({ code: 'BASEPATH_REUSED', retry: 'permanent' }));
    checkIdentity(root, there, newest, true);
    const imported = { ...newest, source: { ...newest.source, rootInode: '0' } } as Manifest;
    checkIdentity(root, there, imported, false);
  });
});
