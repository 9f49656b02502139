import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ulid } from 'ulid';

/** Where a tar is written before it gets its name: several processes of a host may make the same one. */
export function ownName(tar: string): string {
  return `${tar}.${ulid()}`;
}

/** Of a bundle that has ended. What others are writing of it goes too: they see that it has ended, or died. */
export async function removeTar(tar: string): Promise<void> {
  for (const path of await stagedIn(dirname(tar))) if (basename(path).startsWith(basename(tar))) await rm(path, { force: true });
}

/**
 * Of bundles that Redis has lost, or that ended when whoever ended them died. `staged` must have been listed before it was read which `tars` have a plan: a plan is on record before
 * its tar is begun, so that what another process begins meanwhile is not taken.
 */
export async function removeForgotten(staged: readonly string[], tars: readonly string[]): Promise<void> {
  for (const path of staged) if (!tars.some((tar) => basename(path).startsWith(tar))) await rm(path, { force: true });
}

/** Paths of what lies in a directory for tars; of one that is not there, none. */
export async function stagedIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  });
  return names.map((name) => join(dir, name));
}
