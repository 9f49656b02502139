import { expect, it } from 'vitest';
import { catalogueSeconds, compareEntry, hasLostTime, sameState, wentThrough } from '../../../../shared/index/compare-entry.js';
import { entryLine, parseEntry, type EntryFacts } from '../../../../shared/index/saved-entry.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { makeDirectory, makeRecord } from './make-record.js';

const ENTRY: EntryFacts = { type: 'f', size: '10', mtime: '1700000000', ctime: '1700000001', dirty: false, stored: true };

it.each([
  ['same', {}],
  ['type', { type: 'l' }],
  ['size', { size: '11' }],
  ['mtime', { mtime: '1700000001' }],
  ['ctime', { ctime: '1700000002' }],
  ['data', { stored: false }],
  ['dirty', { dirty: true }],
  ['size', { dirty: true, size: '11' }],
] as const)('says %s of %j', (expected, change) => {
  expect(compareEntry(makeRecord('x'), { ...ENTRY, ...change })).toBe(expected);
});

it('compares sizes of regular files only', () => {
  expect(compareEntry(makeDirectory('d'), { ...ENTRY, type: 'd', size: '' })).toBe('same');
});

it.each([
  ['1700000000.9999999990', '1700000000'],
  ['1700000000', '1700000000'],
  ['0.5000000000', '0'],
  ['-0.5000000000', '0'],
  ['-315619200.5000000000', '0'],
])('expects %s in a catalogue as %s', (time, seconds) => {
  expect(catalogueSeconds(time)).toBe(seconds);
});

it('knows which times dar loses', () => {
  expect(hasLostTime(makeRecord('x', { mtime: '-1.5000000000' }))).toBe(true);
  expect(hasLostTime(makeRecord('x', { mtime: '0.0000000000' }))).toBe(false);
});

it('takes two looks for the same state only with all nanoseconds and the same inode', () => {
  const record = makeRecord('x');
  expect(sameState(record, { ...record, nlink: 9, flags: 'u' })).toBe(true);
  for (const change of [{ mtime: '1700000000.1' }, { ctime: '1.0' }, { inode: '1:1' }, { size: '11' }, { type: 'p' as const }]) {
    expect(sameState(record, { ...record, ...change })).toBe(false);
  }
  const directory = makeDirectory('d');
  expect(sameState(directory, { ...directory, size: '8192' })).toBe(true);
});

it('recognises a state between two looks, but nothing that was swapped in', () => {
  const before = makeRecord('log');
  const now = { ...before, size: '30', mtime: '1700000020.0', ctime: '1700000020.0' };
  const between = { ...ENTRY, size: '20', mtime: '1700000010', ctime: '1700000010' };
  expect(wentThrough(before, between, now)).toBe(true);
  expect(wentThrough(before, between, { ...now, inode: '9:9' })).toBe(false);
  expect(wentThrough(before, { ...between, mtime: '1700000021' }, now)).toBe(false);
  expect(wentThrough(before, { ...between, ctime: '1700000021' }, now)).toBe(false);
  expect(wentThrough(before, { ...between, type: 'l' }, now)).toBe(false);
  // swapped away and back: the file itself was not modified, only its ctime
  expect(wentThrough(before, { ...between, mtime: '1700000000' }, { ...before, ctime: '1700000020.0' })).toBe(false);
});

it('carries what is compared through the sort', () => {
  const entry = { path: bytePath.of('a/b c'), ...ENTRY, hasEa: false, removed: false, data: 'referenced', hardlinked: false };
  const line = entryLine(entry);
  expect(line).toBe('./a//b c/f 10 1700000000 1700000001 -');
  expect(parseEntry(line, './a//b c/'.length)).toEqual(ENTRY);
  const facts = (change: object): EntryFacts => parseEntry(entryLine({ ...entry, ...change }), './a//b c/'.length);
  expect(facts({ dirty: true }).dirty).toBe(true);
  expect(facts({ removed: true }).stored).toBe(false);
  expect(facts({ data: 'absent' }).stored).toBe(false);
  const directory = entryLine({ ...entry, type: 'd', size: '' });
  expect(directory).toBe('./a/b c//./d  1700000000 1700000001 -');
  expect(parseEntry(directory, './a/b c//./'.length)).toMatchObject({ type: 'd', size: '', mtime: '1700000000' });
});
