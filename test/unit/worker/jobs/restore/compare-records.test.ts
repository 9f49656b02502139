import { describe, expect, it } from 'vitest';
import { agree, differenceOf } from '../../../../../worker/jobs/restore/compare-records.js';
import { formatRecord } from '../../../../../shared/index/format.js';
import { makeDirectory, makeRecord, makeRoot } from '../../../shared/index/make-record.js';

const strict = { owners: true, racySince: Number.MAX_SAFE_INTEGER };

describe('differenceOf', () => {
  const want = makeRecord('a', { mtime: '1700000000.1234567890', ctime: '1700000001.0000000000' });

  it('finds nothing where all is alike, whatever inode and ctime are', () => {
    expect(differenceOf(want, { ...want, inode: '1:1', ctime: '1800000000.0', blocks: '0' }, strict)).toBeNull();
  });

  it.each([
    ['type', { type: 'l' as const }],
    ['size', { size: '11' }],
    ['mode', { mode: '600' }],
    ['owner', { uid: '1' }],
    ['mtime', { mtime: '1700000000.1234567990' }],
  ])('names the %s', (name, change) => {
    expect(differenceOf(want, { ...want, ...change }, strict)).toContain(name);
  });

  it('compares whole seconds of what was changing around the scan or got its time from a catalogue', () => {
    const later = { ...want, mtime: '1700000000.9' };
    expect(differenceOf(want, later, { owners: true, racySince: 1_700_000_000 })).toBeNull();
    expect(differenceOf({ ...want, mtime: '1700000000' }, later, strict)).toBeNull();
    expect(differenceOf(want, { ...want, mtime: '1700000001.1' }, { owners: true, racySince: 0 })).toContain('mtime');
  });

  it('leaves out what was named when it was backed up, owners where only root could set them, and the root itself', () => {
    expect(differenceOf({ ...want, flags: 'c' }, { ...want, size: '99' }, strict)).toBeNull();
    expect(differenceOf(want, { ...want, uid: '1' }, { ...strict, owners: false })).toBeNull();
    expect(differenceOf(makeRoot(), { ...makeRoot(), mode: '700' }, strict)).toBeNull();
    expect(differenceOf(makeDirectory('d'), makeDirectory('d', { mode: '700' }), strict)).toContain('mode 755');
  });
});

describe('agree', () => {
  const want = makeRecord('a b/f 1', { mtime: '1700000000.1234567890', ctime: '1700000001.0000000000', archive: '1.1' });
  const says = (change: Partial<typeof want>): boolean => agree(formatRecord(want), formatRecord({ ...want, archive: '', ...change }));

  it('is enough to know that nothing differs', () => {
    expect(says({ inode: '1:123456789', ctime: '1800000000.0', nlink: 7, blocks: '999', flags: 'c' })).toBe(true);
  });

  it.each([{ type: 'l' as const }, { size: '1' }, { mtime: '1700000000.1234567891' }, { mode: '600' }, { uid: '1' }, { gid: '1' }])('never hides %j', (change) => {
    expect(says(change)).toBe(false);
  });
});
