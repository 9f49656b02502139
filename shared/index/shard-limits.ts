import type { CutLimits } from './shard-cutter.js';

/** What bounds a shard. */
export interface ShardBounds {
  /** As configured. */
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly sliceBytes: number;
  /** Bytes of memory one dar may take on any host that may work on a shard. */
  readonly memoryBytes: number;
  /** Memory dar takes for a file. */
  readonly bytesPerFile: number;
}

/** What a sealed archive tells of dar's memory. */
export interface MeasuredArchive {
  readonly entries: number;
  readonly peakRssBytes: number | null;
}

/** dar 2.7.8, a full of 200,000 files from a list: 0.85 kB each. */
const USUAL_BYTES_PER_FILE = 850;
/** What dar takes whatever it saves: 8 MB for an archive of one file (2.7.8); compression adds some, zstd:19 90 MB. */
export const DAR_BASE_BYTES = 32 * 1024 * 1024;
/** Below this many entries an archive's memory says more about dar itself than about a file. */
const TELLING_ENTRIES = 20_000;
/** So that a wrong reading neither cuts a basepath into dust nor lets dar take ten times its budget. */
const [LEAST_BYTES_PER_FILE, MOST_BYTES_PER_FILE] = [400, 8500];
/** A host with hardly any memory still has to get something done. */
const LEAST_FILES = 1000;

/** The last slice of an archive is half a slice on average: of 32 that is 1.6 % more objects. */
const SLICES_PER_SHARD = 32;
/** A minute of dar's work at 300 MB/s: below that, what an archive costs besides its data begins to count. */
const LEAST_BYTES = 16 * 1024 ** 3;

/** Memory dar takes for a file of a basepath (pure): the most of what its archives took, or what is usual where none was large enough to tell. */
export function measuredBytesPerFile(archives: Iterable<MeasuredArchive>): number {
  let most = 0;
  for (const { entries, peakRssBytes } of archives) {
    if (peakRssBytes !== null && entries >= TELLING_ENTRIES) most = Math.max(most, (peakRssBytes - DAR_BASE_BYTES / 2) / entries);
  }
  if (most === 0) return USUAL_BYTES_PER_FILE;
  return Math.ceil(Math.min(MOST_BYTES_PER_FILE, Math.max(LEAST_BYTES_PER_FILE, most)));
}

/** How much one dar is given (pure). */
export function shardLimits({ maxFiles, maxBytes, sliceBytes, memoryBytes, bytesPerFile }: ShardBounds): CutLimits {
  const inMemory = Math.max(LEAST_FILES, Math.floor((memoryBytes - DAR_BASE_BYTES) / bytesPerFile));
  return { maxFiles: Math.min(maxFiles, inMemory), maxBytes: Math.min(maxBytes, Math.max(SLICES_PER_SHARD * sliceBytes, LEAST_BYTES)) };
}

/** Memory dar is expected to take for a shard, bytes (pure). */
export function expectedMemory(files: number, bytesPerFile: number): number {
  return DAR_BASE_BYTES + files * bytesPerFile;
}

/** Slices of an archive of so many bytes, at least (pure): compression makes them fewer, catalogue and holes are not counted. */
export function expectedSlices(bytes: bigint, sliceBytes: number): number {
  return Math.max(1, Number((bytes + BigInt(sliceBytes) - 1n) / BigInt(sliceBytes)));
}
