import { expect, it } from 'vitest';
import { growth, usageIn } from '../../../../producer/retention/usage.js';

it.each([
  ['thirty days of growth', { grownBytes: 3000n, removedBytes: 0n }, 0n, 1000n, 365, { bytesPerDay: 100n, daysToFull: 10 }],
  ['a young site: per day it exists', { grownBytes: 3000n, removedBytes: 0n }, 0n, 1000n, 2.5, { bytesPerDay: 1000n, daysToFull: 1 }],
  ['erasures of old backups give back', { grownBytes: 3000n, removedBytes: 0n }, 1500n, 1000n, 365, { bytesPerDay: 50n, daysToFull: 20 }],
  ['what is removed is as good as free', { grownBytes: 3000n, removedBytes: 500n }, 0n, 1000n, 365, { bytesPerDay: 100n, daysToFull: 15 }],
  ['as much erased as sealed', { grownBytes: 3000n, removedBytes: 0n }, 4000n, 1000n, 365, { bytesPerDay: 0n, daysToFull: null }],
  ['nobody knows what is free', { grownBytes: 3000n, removedBytes: 0n }, 0n, null, 365, { bytesPerDay: 100n, daysToFull: null }],
  ['more than 2^53 bytes', { grownBytes: 30n << 60n, removedBytes: 0n }, 0n, 100n << 60n, 365, { bytesPerDay: 1n << 60n, daysToFull: 100 }],
])('%s', (_, total, gone, free, age, expected) => {
  expect(growth(total, gone, free, age)).toEqual(expected);
});

it('counts for an LTS what goes there, and what may lie anywhere', () => {
  const usage = (topdir: string | null, bytes: bigint) => ({ basepathId: 'b', path: null, topdir, backups: 1, bytes, removedBytes: 0n, grownBytes: bytes });
  const usages = [usage('/u', 1n), usage('/p', 10n), usage('/gone', 100n), usage(null, 1000n)];
  const topdirs = [{ path: '/u', lts: ['disk', 'tape'] }, { path: '/p', lts: ['disk'] }];
  expect(['disk', 'tape'].map((lts) => usageIn(lts, usages, topdirs).grownBytes)).toEqual([1111n, 1101n]);
});
