import { expect, it } from 'vitest';
import { goesOnFrom } from '../../../../../worker/jobs/shard/adopt-starts.js';
import type { SegmentNote } from '../../../../../worker/jobs/shard/segment-note.js';

const place = { state: { work: 't1-a' }, shard: { file: 'shard-0001.records' } };
const note: SegmentNote = { v: 1, segment: 1, work: 't1-a', recordsFile: 'shard-0001.records', earlier: [], beganMs: 0 };
const kept = { files: ['one.part.json'], left: { recordsFile: '/work/one.left', records: 1, bytes: 1n } };
const later: SegmentNote = { ...note, segment: 2, recordsFile: 'one.left', earlier: ['one.part.json'] };

it('archives of a start that was cut off can be told only from the list they were made of', () => {
  expect(goesOnFrom([note], place, null)).toBe(true);
  expect(goesOnFrom([note, { ...note, segment: 2, recordsFile: 'a.r1.retry' }], place, null)).toBe(true);
  expect(goesOnFrom([later], place, kept)).toBe(true);
});

it.each<[string, SegmentNote[], typeof kept | null]>([
  ['none was begun', [], null],
  ['its first was a small one, of which there is no note', [{ ...note, segment: 2, recordsFile: 'a.r1.retry' }], null],
  ['the plan was made again', [{ ...note, work: 't2-b' }], null],
  ['it knew of no part', [note], kept],
  ['it went on from a part that counts no more', [later], null],
  ['it went on from another part', [{ ...later, earlier: ['other.part.json'] }], kept],
])('not when %s', (_, notes, parts) => {
  expect(goesOnFrom(notes, place, parts)).toBe(false);
});
