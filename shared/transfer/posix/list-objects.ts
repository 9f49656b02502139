import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPartName } from '../object-name.js';
import type { StoredObject } from '../backend.js';
import { errnoOf } from './fs-errors.js';

/** One file below an LTS directory, finished or not. */
export interface FoundFile extends StoredObject {
  readonly isPart: boolean;
  readonly mtimeMs: number;
}

/**
 * Regular files below `dir`, streaming, in directory order. What vanishes meanwhile is left out; a missing `dir` has no files.
 * Other fs errors come out as they are.
 */
export async function* walkFiles(root: string, dir: string): AsyncGenerator<FoundFile> {
  const entries = await opendir(join(root, dir)).catch(nullIfAbsent);
  if (entries === null) return;
  for await (const entry of entries) {
    const object = dir === '' ? entry.name : `${dir}/${entry.name}`;
    if (entry.isDirectory()) yield* walkFiles(root, object);
    if (!entry.isFile()) continue;
    const stats = await lstat(join(root, object)).catch(nullIfAbsent);
    if (stats !== null) yield { object, bytes: stats.size, isPart: isPartName(entry.name), mtimeMs: stats.mtimeMs };
  }
}

export function nullIfAbsent(thrown: unknown): null {
  if (errnoOf(thrown) === 'ENOENT') return null;
  throw thrown;
}
