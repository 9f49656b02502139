import { basename, dirname } from 'node:path';
import { stagingIsFull } from '../../../shared/dar/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { suspectOutage } from '../../../shared/errors/outages.js';
import { isFull } from '../../../shared/files/is-full.js';
import { Brake } from '../../supervise/brake.js';
import type { ArchiveRun, ArchiveSpec } from './make-archive.js';

/** What is known of the size of an archive before it is made. */
export type ArchiveSize = Pick<ArchiveSpec, 'base' | 'bytes' | 'entries' | 'dar'>;

/** What dar writes for an entry beside its content: 3,000 files of 2 bytes with names of 30 make 673 kB (2.7.8, catalogue not compressed), 224 each. */
const ENTRY_BYTES = 300;
/** List and isolated catalogue, which lie beside the slices: paths of 100 bytes, and 91 bytes an entry were measured. */
const ENTRY_BYTES_BESIDE = 200;
/** Headers of dar, and what it says. */
const ARCHIVE_BYTES = 16_384;

/** It was asked to stop while it waited for room in staging: nothing was made. */
export class NotBegun extends Error {}

/**
 * Makes an archive when there is room for it in staging; `work` is given the brake that stops its dar while there is none, or while the start's own is held.
 * Throws NotBegun, and what `work` throws.
 */
export async function inRoom<T>(size: ArchiveSize, run: ArchiveRun, work: (brake: Brake) => Promise<T>): Promise<T> {
  const brake = new Brake();
  const detach = run.brake.attach({ pause: () => { brake.hold('start'); }, resume: () => { brake.release('start'); } });
  try {
    const leave = await begin(size, run, brake);
    return await work(brake).finally(leave);
  } catch (thrown) {
    const error = await explained(thrown, size.base);
    if (toBwError(error).code === 'STAGING_FULL') await run.account.noteFull();
    throw error;
  } finally {
    detach();
  }
}

/**
 * What failed while the filesystem is full failed for that, asked while all that was made still lies there. Programs do not tell: `dar -l` ends with 0 and half of the
 * listing (2.7.8), and what dar says of it is lost when its log is on the same filesystem.
 */
async function explained(thrown: unknown, base: string): Promise<unknown> {
  const error = toBwError(thrown);
  if (error.code === 'STAGING_FULL' || !suspectOutage(error).kinds.includes('staging')) return thrown;
  if (!(await isFull(dirname(base)).catch(() => false))) return thrown; // where it cannot be asked, the error itself is to be told
  return stagingIsFull({ subject: basename(base), detail: error.message, cause: thrown });
}

async function begin(size: ArchiveSize, { account, priority, signal, stop, onPausedTooLong }: ArchiveRun, brake: Brake): Promise<() => void> {
  try {
    return await account.begin({
      dir: dirname(size.base),
      baseName: basename(size.base),
      priority,
      sliceBytes: size.dar.sliceBytes,
      expectedBytes: isLarge(size) ? Infinity : expectedBytes(size),
      besideBytes: size.entries * ENTRY_BYTES_BESIDE,
      brake,
      signal: AbortSignal.any([signal, stop]),
      onPausedTooLong,
    });
  } catch (thrown) {
    signal.throwIfAborted();
    if (stop.aborted) throw new NotBegun('stopped while it waited for room in staging');
    throw thrown;
  }
}

/** Room an archive must be given before it begins (pure). */
export function firstSlice(size: Omit<ArchiveSize, 'base'>): number {
  return Math.min(size.dar.sliceBytes, expectedBytes(size));
}

/** Compression only makes it less. */
function expectedBytes({ bytes, entries }: Pick<ArchiveSize, 'bytes' | 'entries'>): number {
  return Number(bytes) + entries * ENTRY_BYTES + ARCHIVE_BYTES;
}

/** More than a slice, probably: then its slices leave while it is written. One that turns out to be more all the same keeps them until it is complete. */
export function isLarge(size: ArchiveSize): boolean {
  return expectedBytes(size) >= size.dar.sliceBytes;
}
