import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { judgeBundles, YOUNG_MS } from '../../../../shared/bundle/judge-bundles.js';
import { bundleObject, metaObject, snapshotObject } from '../../../../shared/bundle/names.js';
import { completeSnapshots, staleSnapshots } from '../../../../shared/bundle/snapshots.js';

const DAY = 86_400_000;
const at = (day: number): string => ulid(Date.UTC(2026, 0, day));

describe('snapshots', () => {
  const [one, two, three, cut, four] = [1, 2, 3, 4, 5].map(at) as [string, string, string, string, string];
  const objects = [
    snapshotObject(two, 1, true), snapshotObject(one, 2, true), snapshotObject(one, 1, false),
    snapshotObject(four, 1, false), snapshotObject(four, 2, true), snapshotObject(cut, 1, false), snapshotObject(three, 2, true), 'snapshots/else',
  ];

  it('count when all their parts are there, the newest first', () => {
    expect(completeSnapshots(objects).map(({ objects: parts }) => parts)).toEqual([
      [snapshotObject(four, 1, false), snapshotObject(four, 2, true)],
      [snapshotObject(two, 1, true)],
      [snapshotObject(one, 1, false), snapshotObject(one, 2, true)],
    ]);
  });

  it('go when newer ones are complete; one that is being written stays', () => {
    expect(staleSnapshots(objects, 2).sort()).toEqual([snapshotObject(one, 1, false), snapshotObject(one, 2, true), snapshotObject(three, 2, true), snapshotObject(cut, 1, false)].sort());
    expect(staleSnapshots([snapshotObject(one, 1, true), snapshotObject(two, 1, false)], 1)).toEqual([]);
    expect(staleSnapshots([snapshotObject(cut, 1, false)], 1)).toEqual([]);
  });
});

describe('judgeBundles', () => {
  const now = Date.UTC(2026, 0, 10);
  const old = bundleObject(ulid(now - YOUNG_MS - 1), 'here');
  const young = bundleObject(ulid(now - DAY / 2), 'here');
  const meta = metaObject(ulid(now - 5 * DAY));

  it('removes what nothing needs and is not young, and tells what is dead in the others', () => {
    const judged = judgeBundles([{ object: old, bytes: 100, liveBytes: 0 }, { object: young, bytes: 10, liveBytes: 0 }, { object: `${young}x`, bytes: 50, liveBytes: 20 }, { object: meta, bytes: 7, liveBytes: null }], new Set(), now);
    expect(judged).toEqual({ remove: [old], objects: 3, bytes: 67, deadBytes: 40 });
  });

  it('keeps a bundle for the one slice in it that is needed', () => {
    expect(judgeBundles([{ object: old, bytes: 1e9, liveBytes: 512 }], new Set(), now)).toMatchObject({ remove: [], deadBytes: 1e9 - 512 });
  });

  it('leaves an old one alone whose slices are about to be committed, and metadata that may be on its way for days', () => {
    expect(judgeBundles([{ object: old, bytes: 1, liveBytes: 0 }], new Set([old]), now).remove).toEqual([]);
    const [late, dead] = [metaObject(ulid(now - 29 * 86_400_000)), metaObject(ulid(now - 31 * 86_400_000))];
    expect(judgeBundles([late, dead].map((object) => ({ object, bytes: 1, liveBytes: 0 })), new Set(), now).remove).toEqual([dead]);
  });
});
