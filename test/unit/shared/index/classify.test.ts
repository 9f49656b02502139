import { describe, expect, it } from 'vitest';
import { decide, type Decision, type Mismatch, type Situation } from '../../../../shared/index/classify.js';
import { compareEntry } from '../../../../shared/index/compare-entry.js';
import { recordPath, type IndexRecord } from '../../../../shared/index/record.js';
import type { EntryFacts } from '../../../../shared/index/saved-entry.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { makeDirectory, makeRecord } from './make-record.js';

const FILE = makeRecord('dir/file');
const LATER = { mtime: '1700000050.0000000000', ctime: '1700000050.0000000000' };
const CHANGED: IndexRecord = { ...FILE, ...LATER, size: '99' };

const entryOf = (record: IndexRecord, change: Partial<EntryFacts> = {}): EntryFacts => ({
  type: record.type,
  size: record.type === 'f' ? record.size : '',
  mtime: record.mtime.split('.')[0] as string,
  ctime: record.ctime.split('.')[0] as string,
  dirty: false,
  stored: true,
  ...change,
});

function decideOn(record: IndexRecord, entry: EntryFacts | null, now: IndexRecord | 'gone' | 'unknown', message: string | null = null, hasParent = false): Decision {
  const mismatch: Mismatch = { path: recordPath(record), record, entry, comparison: entry === null ? 'missing' : compareEntry(record, entry) };
  const state: Situation['state'] = now === 'gone' ? { kind: 'gone' } : now === 'unknown' ? { kind: 'unknown', reason: 'Permission denied' } : { kind: 'there', record: now };
  return decide(mismatch, { archiveKey: '3.1', hasParent, state, message });
}

const NOTHING = { settle: null, retry: null, exception: null, vanished: false, changedThenSaved: false, suspect: false };

it('vanished: no record, unless an archive holds something of it', () => {
  expect(decideOn(FILE, null, 'gone')).toEqual({ ...NOTHING, vanished: true });
  const other = entryOf(CHANGED);
  expect(decideOn(FILE, other, 'gone').settle).toEqual({ ...FILE, size: '99', mtime: '1700000050', ctime: '1700000050', flags: 'x', archive: '3.1' });
  expect(decideOn(FILE, entryOf(FILE, { dirty: true }), 'gone').settle).toMatchObject({ flags: 'c', archive: '3.1' });
  expect(decideOn({ ...FILE, flags: 'xm', archive: '3.0' }, null, 'gone').settle).toMatchObject({ flags: 'x', archive: '3.0' });
});

it('changed before dar read it: the archive holds the present state, which is recorded', () => {
  expect(decideOn(FILE, entryOf(CHANGED), CHANGED)).toEqual({ ...NOTHING, settle: { ...CHANGED, archive: '3.1' }, changedThenSaved: true });
});

it('a new file under the name, saved as it is', () => {
  const replaced = { ...CHANGED, inode: '1:4711' };
  expect(decideOn(FILE, entryOf(replaced), replaced)).toMatchObject({ settle: { inode: '1:4711', archive: '3.1' }, retry: null });
});

it('grows all the time: the state dar saw is recorded, in whole seconds, so that it differs next time', () => {
  const between = entryOf(FILE, { size: '50', mtime: '1700000020', ctime: '1700000020' });
  expect(decideOn(FILE, between, CHANGED)).toMatchObject({
    settle: { size: '50', mtime: '1700000020', ctime: '1700000020', flags: '', archive: '3.1' },
    retry: null,
    changedThenSaved: true,
  });
});

it('swapped and swapped back: what the archive holds is not it, so it is saved again', () => {
  const other = entryOf(makeRecord('dir/other', { size: '5', mtime: '1600000000.0', ctime: '1700000040.0' }));
  const now = { ...FILE, ctime: '1700000045.0000000000' };
  expect(decideOn(FILE, other, now)).toEqual({ ...NOTHING, retry: { ...now, flags: 'xm', archive: '3.1' } });
});

it('changed while read: again, with the state of now', () => {
  expect(decideOn(FILE, entryOf(FILE, { dirty: true }), FILE)).toEqual({ ...NOTHING, retry: { ...FILE, flags: 'c', archive: '3.1' } });
  expect(decideOn(FILE, entryOf(FILE, { dirty: true }), CHANGED).retry).toEqual({ ...CHANGED, flags: 'cm', archive: '3.1' });
});

it('differs and is dirty: not taken for a state it went through', () => {
  const between = entryOf(FILE, { size: '50', mtime: '1700000020', ctime: '1700000020', dirty: true });
  expect(decideOn(FILE, between, CHANGED)).toMatchObject({ settle: null, retry: { flags: 'cm', archive: '3.1' } });
});

it('missing though there: again; what an earlier archive holds is not forgotten', () => {
  expect(decideOn(FILE, null, FILE).retry).toEqual(FILE);
  expect(decideOn(FILE, null, CHANGED).retry).toEqual({ ...CHANGED, flags: 'm' });
  expect(decideOn({ ...FILE, flags: 'cm', archive: '3.0' }, null, CHANGED).retry).toEqual({ ...CHANGED, flags: 'cm', archive: '3.0' });
});

it('missing and named by dar: an exception at once', () => {
  expect(decideOn(FILE, null, FILE, 'Error while saving: Permission denied')).toEqual({
    ...NOTHING,
    exception: { reason: 'not saved', detail: 'Error while saving: Permission denied' },
  });
});

it('cannot be examined: an exception', () => {
  expect(decideOn(FILE, null, 'unknown').exception).toEqual({ reason: 'could not be examined', detail: 'Permission denied' });
});

it('keeps u, sets t', () => {
  const directory = makeDirectory('d', { flags: 'u' });
  const now = { ...directory, flags: '', ...LATER };
  expect(decideOn(directory, entryOf(now), now).settle?.flags).toBe('u');
  const old = { ...CHANGED, mtime: '-5.0000000000' };
  expect(decideOn(FILE, entryOf(old, { mtime: '0' }), old).settle).toMatchObject({ flags: 't', mtime: '-5.0000000000' });
});

it('trusts what is below a directory that changed, but not below one that may have been another', () => {
  const directory = makeDirectory('d');
  const grown = { ...directory, ...LATER };
  expect(decideOn(directory, entryOf(grown), grown)).toMatchObject({ suspect: false, changedThenSaved: true });
  const busy = { ...directory, mtime: '1700000090.0', ctime: '1700000090.0' };
  expect(decideOn(directory, entryOf(grown), busy)).toMatchObject({ suspect: false });
  const swapped = entryOf(directory, { ctime: '1700000040' });
  expect(decideOn(directory, swapped, { ...directory, ctime: '1700000045.0' })).toMatchObject({ suspect: true, retry: { flags: 'xm' } });
  const replaced = { ...grown, inode: '1:1' };
  expect(decideOn(directory, entryOf(grown), replaced)).toMatchObject({ suspect: true });
});

it('a partner saved before is not lost when this archive lacks it', () => {
  const partner = { ...FILE, flags: 'p', archive: '3.0' };
  expect(decideOn(partner, null, 'gone')).toEqual(NOTHING);
  expect(decideOn(partner, null, FILE)).toEqual({ ...NOTHING, retry: partner });
});

it('a new name below one that needed -g is recorded as the archive holds it', () => {
  const path = bytePath.of('a\n/new');
  const now = makeRecord(path);
  const unlisted: Mismatch = { path, record: null, entry: entryOf(now), comparison: 'unlisted' };
  const situation = (state: Situation['state']): Situation => ({ archiveKey: '3.1', hasParent: false, state, message: null });
  expect(decide(unlisted, situation({ kind: 'there', record: now })).settle).toEqual({ ...now, archive: '3.1' });
  expect(decide(unlisted, situation({ kind: 'there', record: { ...now, ...LATER } })).settle).toMatchObject({ flags: 'x' });
  expect(decide(unlisted, situation({ kind: 'gone' })).settle).toMatchObject({ dirname: './a\n', name: 'new', size: '10', flags: 'x', archive: '3.1' });
});

describe('a directory that became something else', () => {
  const dir = makeDirectory('dir');
  const link: IndexRecord = { ...makeRecord('dir', { type: 'l' }), ...LATER };

  it('is saved as what it is in a full', () => {
    expect(decideOn(dir, entryOf(link), link)).toMatchObject({ settle: { type: 'l', archive: '3.1' }, exception: null });
    expect(decideOn(dir, null, link)).toMatchObject({ settle: null, retry: { type: 'l' }, exception: null });
  });

  it('is left to the next backup where the chain may hold something below it, and named', () => {
    for (const entry of [null, entryOf(link)]) {
      expect(decideOn(dir, entry, link, null, true)).toMatchObject({ ...NOTHING, exception: { reason: 'changed during the backup' } });
    }
    expect(decideOn(dir, entryOf({ ...dir, ...LATER }), link, null, true)).toMatchObject({ settle: { type: 'd', flags: 'x', archive: '3.1' }, retry: null });
    expect(decideOn({ ...dir, flags: 'xm', archive: '3.0' }, entryOf(link), link, null, true).settle).toMatchObject({ type: 'd', flags: 'x', archive: '3.0' });
  });

  it('and then vanished: no record as what it was for a moment', () => {
    expect(decideOn(dir, entryOf(link), 'gone', null, true)).toEqual({ ...NOTHING, vanished: true });
  });

  it('and is itself again: it is saved again', () => {
    expect(decideOn(dir, entryOf(link), dir, null, true)).toMatchObject({ settle: null, retry: { type: 'd', archive: '' } });
  });
});
