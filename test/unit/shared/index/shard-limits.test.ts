import { expect, it } from 'vitest';
import { expectedMemory, expectedSlices, measuredBytesPerFile, shardLimits, type ShardBounds } from '../../../../shared/index/shard-limits.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

function limits(bounds: Partial<ShardBounds>): ReturnType<typeof shardLimits> {
  return shardLimits({ maxFiles: 300_000, maxBytes: 1024 * GIB, sliceBytes: 32 * GIB, memoryBytes: 2 * GIB, bytesPerFile: 850, ...bounds });
}

it.each([
  ['as configured where memory allows', {}, 300_000, 1024 * GIB],
  ['fewer files where memory is scarce', { memoryBytes: 64 * MIB }, 39_475, 1024 * GIB],
  ['fewer files where each takes more', { memoryBytes: 512 * MIB, bytesPerFile: 2000 }, 251_658, 1024 * GIB],
  ['some files on any host', { memoryBytes: MIB }, 1000, 1024 * GIB],
  ['what is configured, be it less than anything', { maxFiles: 6, maxBytes: 5 }, 6, 5],
  ['32 slices', { sliceBytes: 4 * GIB }, 300_000, 128 * GIB],
  ['a minute of work where slices are tiny', { sliceBytes: 4096 }, 300_000, 16 * GIB],
])('gives a shard %s', (_, bounds, maxFiles, maxBytes) => {
  expect(limits(bounds)).toEqual({ maxFiles, maxBytes });
});

it('measures the memory of a file by archives that are large enough to tell, the worst of them', () => {
  const archive = (entries: number, peakMib: number | null): { entries: number; peakRssBytes: number | null } => ({ entries, peakRssBytes: peakMib === null ? null : peakMib * MIB });
  expect(measuredBytesPerFile([])).toBe(850);
  expect(measuredBytesPerFile([archive(1000, 40), archive(300_000, null)])).toBe(850);
  expect(measuredBytesPerFile([archive(100_000, 146), archive(200_000, 216)])).toBe(1364);
  expect(measuredBytesPerFile([archive(20_000, 17)])).toBe(400);
  expect(measuredBytesPerFile([archive(20_000, 9000)])).toBe(8500);
});

it('expects memory and slices', () => {
  expect(expectedMemory(300_000, 850)).toBe(32 * MIB + 255_000_000);
  expect([0n, 1n, 4096n, 4097n, 2n ** 60n].map((bytes) => expectedSlices(bytes, 4096))).toEqual([1, 1, 1, 2, 2 ** 48]);
});
