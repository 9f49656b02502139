/**
 * Bytes that making one entry is worth. 200,000 files of 1 kB took 4.8 s of a restore on a local disk (test/bench/results.md), which writes some 400 MB/s of large ones: 10 kB each;
 * metadata servers of parallel filesystems are slower. Without it, a topdir of small files would be estimated by its few large ones.
 */
const ENTRY_BYTES = 32 * 1024;

/** An estimate needs this much time behind it, ms. */
const LEAST_MS = 2_000;

export interface Weighed {
  readonly bytes: number;
  readonly entries: number;
}

export interface TopdirProgress {
  /** Of what is to be restored, without what an earlier start had. */
  readonly planned: readonly Weighed[];
  /** Of these, what has ended, however. */
  readonly ended: readonly Weighed[];
  /** What runs, and how far it is: 0 to 1. */
  readonly running: readonly (Weighed & { readonly share: number })[];
  /** Since this start began. */
  readonly elapsedMs: number;
}

export interface Estimate {
  readonly doneBytes: number;
  readonly doneEntries: number;
  /** Null: too early to tell. */
  readonly bytesPerSecond: number | null;
  readonly etaMs: number | null;
}

/** How far a restore of a topdir is, and how long it still takes at the pace it had so far (pure). */
export function estimate({ planned, ended, running, elapsedMs }: TopdirProgress): Estimate {
  const parts = [...ended.map((each) => ({ ...each, share: 1 })), ...running];
  const doneBytes = sum(parts, ({ bytes, share }) => bytes * share);
  const doneEntries = sum(parts, ({ entries, share }) => entries * share);
  const done = doneBytes + doneEntries * ENTRY_BYTES;
  const left = sum(planned, ({ bytes, entries }) => bytes + entries * ENTRY_BYTES) - done;
  const told = elapsedMs >= LEAST_MS;
  const etaMs = told && done > 0 ? Math.round((Math.max(0, left) / done) * elapsedMs) : null;
  return { doneBytes: Math.round(doneBytes), doneEntries: Math.round(doneEntries), bytesPerSecond: told ? Math.round((doneBytes * 1000) / elapsedMs) : null, etaMs };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
