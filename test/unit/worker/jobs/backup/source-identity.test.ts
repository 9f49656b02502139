import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../../../shared/catalog/index.js';
import { bytePath } from '../../../../../shared/paths/byte-path.js';
import { checkIdentity } from '../../../../../worker/jobs/backup/source-identity.js';

const root = bytePath.fromText('/u/staff/alice');
const newest = { backupId: '01JQZX3K5V8W9Y2A4B6C7D8E9F', source: { fsType: 'lustre', fsId: 'abc' } } as Manifest;

describe('checkIdentity', () => {
  it('accepts a first backup, the same filesystem, and a change on purpose', () => {
    checkIdentity(root, { fsType: 'xfs', fsId: '1' }, null, false);
    checkIdentity(root, { fsType: 'lustre', fsId: 'abc' }, newest, false);
    checkIdentity(root, { fsType: 'xfs', fsId: '1' }, newest, true);
  });

  it.each([
    { fsType: 'xfs', fsId: 'abc' },
    { fsType: 'lustre', fsId: 'other' },
  ])('refuses another filesystem (%o): it was probably not mounted', (now) => {
    expect(() => { checkIdentity(root, now, newest, false); }).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED', retry: 'operator', subject: '/u/staff/alice' }));
  });
});
