import { describe, expect, it } from 'vitest';
import { lookAgainMs, mayOpen, recallBatches } from '../../../../shared/restore/recall.js';

describe('orders of a recall', () => {
  it('come in the order of the media, each object once, of unknown place last', () => {
    const media = new Map([['a', 'T2 0001'], ['b', 'T1 0007'], ['c', 'T1 0002'], ['d', 'T2 0000']]);
    expect(recallBatches(['x', 'a', 'b', 'c', 'y', 'd', 'a'], media, 3)).toEqual([['c', 'b', 'd'], ['a', 'x', 'y']]);
    expect(recallBatches(['x', 'y'], new Map())).toEqual([['x', 'y']]);
    expect(recallBatches([], media)).toEqual([]);
  });
});

describe('an archive whose slices are recalled', () => {
  const hour = 3_600_000;

  it.each([
    [true, ['online', 'online'], 'online', 0],
    [false, ['recalling', 'online'], 'online', hour],
    [false, ['offline', 'recalling'], 'recalling', 9 * hour],
    [true, ['missing', 'online'], 'online', 0], // to learn that it is
    // Not all of it fits the disk of the storage.
    [true, ['offline', 'online'], 'online', 0],
    [true, ['recalling', 'online'], 'online', 7 * hour],
  ] as const)('may be opened: %s, with %j', (may, states, first, waitedMs) => {
    expect(mayOpen(states, first, waitedMs)).toBe(may);
  });

  it('is looked for less often where many are', () => {
    expect([1, 100, 10_000].map(lookAgainMs)).toEqual([30_000, 100_000, 600_000]);
  });
});
