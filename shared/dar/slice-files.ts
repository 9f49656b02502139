import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readPieces } from '../files/read-pieces.js';

/** `BASE.N.dar`, numbers from 1 without leading zeros. */
export function sliceFile(base: string, number: number): string {
  return `${base}.${number}.dar`;
}

/** Numbers of the slices of an archive that are there, ascending. */
export async function sliceNumbers(base: string): Promise<number[]> {
  const prefix = `${basename(base)}.`;
  const names = (await readdir(dirname(base))).filter((name) => name.startsWith(prefix));
  return names
    .map((name) => /^([1-9]\d*)\.dar$/.exec(name.slice(prefix.length))?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** Size in bytes, or null where there is no such file. */
export async function sizeOrNull(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export async function isNonEmptyFile(file: string): Promise<boolean> {
  return ((await sizeOrNull(file)) ?? 0) > 0;
}

/** The hash that dar wrote for a slice; null while its file is missing, empty or not the hash of that slice. */
export async function readHash(slice: string): Promise<string | null> {
  const text = await readOrNull(`${slice}.sha512`);
  const [, hash, name] = /^([0-9a-f]{128}) [ *](.+)\n$/.exec(text ?? '') ?? [];
  return hash !== undefined && name === basename(slice) ? hash : null;
}

/** SHA-512 of a file, lower-case hex. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const piece of readPieces(file, 1024 * 1024)) hash.update(piece);
  return hash.digest('hex');
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
