import { isPartName } from '../object-name.js';
import type { StoredObject } from '../backend.js';
import type { FarEnd } from './far-end.js';

/** One file at the far end, finished or not. */
export interface FarFile extends StoredObject {
  readonly isPart: boolean;
  /** By the server's clock. */
  readonly mtimeMs: number;
}

/** Files below a directory of the storage, one directory in memory at a time; a missing one has none, unless the root is missing too (LTS_MISSING). */
export async function* walkFar(far: FarEnd, dir: string): AsyncGenerator<FarFile> {
  const entries = await far.sessions.use(async (session) => {
    const listed = await session.list(dir === '' ? `${far.root}/` : `${far.root}/${dir}`);
    if (listed === null) await far.assertRoot(session);
    return listed ?? [];
  });
  for (const { name, kind, bytes, modifiedMs } of entries) {
    const object = dir === '' ? name : `${dir}/${name}`;
    if (kind === 'dir') yield* walkFar(far, object);
    if (kind === 'file') yield { object, bytes, isPart: isPartName(name), mtimeMs: modifiedMs };
  }
}
