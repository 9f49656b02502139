import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { LtsConfig } from '../config/config.js';
import { hashFile, sliceFile, sliceNumbers } from '../dar/index.js';
import { readHash } from '../dar/slice-files.js';
import { BwError } from '../errors/bw-error.js';

export interface FoundSlice {
  readonly number: number;
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly sha512: string;
  /** Last change, ms since the epoch. */
  readonly changedMs: number;
}

/**
 * The slices of a dar archive (`base`: path without number and extension), each read and hashed, and compared with the hash dar wrote beside it, if there is one.
 * Throws IMPORT_NO_SLICES, IMPORT_SLICE_DAMAGED.
 */
export async function findSlices(base: string, signal: AbortSignal): Promise<FoundSlice[]> {
  const numbers = await sliceNumbers(base).catch(() => []);
  const gap = numbers.findIndex((number, i) => number !== i + 1);
  if (numbers.length === 0 || gap !== -1) throw noSlices(base, gap === -1 ? 1 : gap + 1);
  const slices: FoundSlice[] = [];
  for (const number of numbers) {
    signal.throwIfAborted();
    const path = sliceFile(base, number);
    const { size, mtimeMs } = await stat(path);
    const [sha512, written] = [await hashFile(path), await readHash(path)];
    if (written !== null && written !== sha512) throw damagedSlice(path, written, sha512);
    slices.push({ number, path, bytes: size, sha512, changedMs: mtimeMs });
  }
  return slices;
}

/** The long-term storage whose directory holds the slices, and its object names for them; null: none, or not by names an object may have. */
export async function placeIn(lts: readonly Pick<LtsConfig, 'name' | 'dir'>[], base: string): Promise<{ readonly lts: string; objectOf(slice: FoundSlice): string } | null> {
  const dir = await realpath(dirname(base));
  for (const { name, dir: root } of lts) {
    const below = relative(await realpath(root), dir);
    if (below.startsWith('..') || below.startsWith('/')) continue;
    const objectOf = ({ number }: FoundSlice): string => join(below, sliceFile(basename(base), number));
    if (isObjectName(objectOf({ number: 1 } as FoundSlice))) return { lts: name, objectOf };
  }
  return null;
}

function isObjectName(text: string): boolean {
  return text.split('/').every((part) => /^[A-Za-z0-9._-]{1,190}$/.test(part) && part !== '.' && part !== '..');
}

function noSlices(base: string, missing: number): BwError {
  return new BwError('IMPORT_NO_SLICES', {
    message: 'the slices of the archive are not all there',
    subject: base,
    detail: `missing: ${sliceFile(base, missing)}`,
    retry: 'permanent',
    hint: 'Give the path of the slices without `.1.dar`, as dar takes it; all slices must lie in one directory.',
  });
}

function damagedSlice(path: string, written: string, found: string): BwError {
  return new BwError('IMPORT_SLICE_DAMAGED', {
    message: 'a slice is not what dar wrote: its hash is another one',
    subject: path,
    detail: `in ${path}.sha512: ${written}\nfound: ${found}`,
    retry: 'permanent',
    hint: 'Nothing was imported. Fetch another copy of the slice.',
  });
}
