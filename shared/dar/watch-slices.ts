import { join } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import { abortWhenSettled, sleepUnless } from '../process/index.js';
import { hashFile, readHash, sizeOrNull, sliceFile, sliceNumbers } from './slice-files.js';

export interface CompleteSlice {
  /** From 1. */
  readonly number: number;
  /** Absolute path. */
  readonly file: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha512: string;
}

export interface WatchSlicesOptions {
  readonly dir: string;
  /** Archive base name, without directory. */
  readonly baseName: string;
  /** How often to look, asked every time. Default 500 ms; the end of dar is noticed at once. */
  readonly intervalMs?: () => number;
  /** Settles when dar has ended, such as `DarCreate.done`. A rejection ends the iteration with it. */
  readonly finished: Promise<unknown>;
  /**
   * Whether the last slice is hashed by us: dar's own hash of it is wrong after an interruption.
   * Default: yes if `finished` gave an outcome with meaning `interrupted`.
   */
  readonly rehashLast?: boolean;
}

/**
 * The slices of an archive as they become complete, in order, each once. Complete means: a well-formed hash file
 * that names the slice, and the next slice exists or dar has ended (a hash file exists, empty, while its slice
 * still grows). Yielded slices may be moved away. Throws DAR_SLICES_MISSING.
 */
export async function* watchSlices(options: WatchSlicesOptions): AsyncGenerator<CompleteSlice[], void> {
  const base = join(options.dir, options.baseName);
  const end = abortWhenSettled(options.finished);
  let next = 1;
  while (!end.aborted) {
    const slices = await completeSlices(base, next);
    next += slices.length;
    if (slices.length > 0) yield slices;
    else await sleepUnless(end, options.intervalMs?.() ?? 500);
  }
  const outcome = await options.finished;
  yield await lastSlices(base, next, options.rehashLast ?? wasInterrupted(outcome));
}

/** All slices of an archive whose dar has ended by itself. Throws DAR_SLICES_MISSING. */
export function slicesOf(base: string): Promise<CompleteSlice[]> {
  return lastSlices(base, 1, false);
}

async function completeSlices(base: string, first: number): Promise<CompleteSlice[]> {
  const slices: CompleteSlice[] = [];
  for (let number = first; (await sizeOrNull(sliceFile(base, number + 1))) !== null; number++) {
    const slice = await describeSlice(base, number);
    if (slice === null) break;
    slices.push(slice);
  }
  return slices;
}

/** All from `first` on, when dar has ended: now a gap, or a slice without its hash, is an error. */
async function lastSlices(base: string, first: number, rehashLast: boolean): Promise<CompleteSlice[]> {
  const last = (await sliceNumbers(base)).at(-1) ?? 0;
  if (last < first) throw slicesMissing(base, first);
  const slices: CompleteSlice[] = [];
  for (let number = first; number <= last; number++) {
    const slice = number === last && rehashLast ? await rehashSlice(base, number) : await describeSlice(base, number);
    if (slice === null) throw slicesMissing(base, number);
    slices.push(slice);
  }
  return slices;
}

async function describeSlice(base: string, number: number): Promise<CompleteSlice | null> {
  const file = sliceFile(base, number);
  const sha512 = await readHash(file);
  const bytes = await sizeOrNull(file);
  return sha512 === null || bytes === null || bytes === 0 ? null : { number, file, bytes, sha512 };
}

/** Hashed again: while it closes an archive early, dar goes back in the slice it writes, and the hash it gives is not that of what lies there. */
export async function rehash(slice: CompleteSlice): Promise<CompleteSlice> {
  return { ...slice, sha512: await hashFile(slice.file) };
}

async function rehashSlice(base: string, number: number): Promise<CompleteSlice | null> {
  const file = sliceFile(base, number);
  const bytes = await sizeOrNull(file);
  return bytes === null || bytes === 0 ? null : { number, file, bytes, sha512: await hashFile(file) };
}

function wasInterrupted(outcome: unknown): boolean {
  return typeof outcome === 'object' && outcome !== null && 'meaning' in outcome && outcome.meaning === 'interrupted';
}

function slicesMissing(base: string, number: number): BwError {
  return new BwError('DAR_SLICES_MISSING', {
    message: `slice ${number} of an archive, or its hash, is missing or empty though dar has ended`,
    retry: 'retry',
    hint: 'Something else may have removed it: look who works in the staging directory.',
    subject: sliceFile(base, number),
  });
}
