import { describe, expect, it } from 'vitest';
import type { StateRecord } from '../../../../../shared/index/state.js';
import { canStay } from '../../../../../worker/jobs/restore/resume.js';
import { makeDirectory, makeRecord } from '../../../shared/index/make-record.js';

const options = { owners: true, racySince: Number.MAX_SAFE_INTEGER, attributes: false };
const state = (record: ReturnType<typeof makeRecord>): StateRecord => ({ ...record, seenIn: 'F', heldBy: 'F' });

describe('what an earlier restore left', () => {
  const want = state(makeRecord('a', { mtime: '1700000000.1234567890', ctime: '1700000001.0000000000', mode: '755' }));
  const have = { ...want, ctime: '1800000000.0', inode: '9:9' };

  it('stays where it is as the index says', () => {
    expect(canStay(want, have, options)).toBe(true);
  });

  it.each([
    ['a file cut off', { size: '1' }],
    ['one dar had not given its time', { mtime: '1800000000.0000000000' }],
    ['one dar had not given its owner', { uid: '77' }],
    ['one dar had not given its mode', { mode: '700' }],
    ['something else', { type: 'l' as const }],
    ['a file with another name', { nlink: 2 }],
  ])('is restored again: %s', (_, change) => {
    expect(canStay(want, { ...have, ...change }, options)).toBe(false);
  });

  it('is restored again where the index cannot tell', () => {
    expect(canStay({ ...want, flags: 'c' }, have, options)).toBe(false);
    expect(canStay({ ...want, nlink: 2 }, { ...have, nlink: 2 }, options)).toBe(false);
    const directory = state(makeDirectory('d'));
    expect(canStay(directory, directory, options)).toBe(false);
  });

  it('is restored again where dar sets capabilities last', () => {
    expect(canStay(want, have, { ...options, attributes: true })).toBe(false);
    expect(canStay({ ...want, mode: '644' }, { ...have, mode: '644' }, { ...options, attributes: true })).toBe(true);
  });
});
