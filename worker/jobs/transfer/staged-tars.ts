import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ulid } from 'ulid';

/** Whoever writes a tar writes more often than that, ms. */
const FORGOTTEN_MS = 3_600_000;

/** Where a tar is written before it gets its name: several processes of a host may make the same one. */
export function ownName(tar: string): string {
  return `${tar}.${ulid()}`;
}

/** Of a bundle that has ended. What others are writing of it goes too: they see that it has ended, or died. */
export async function removeTar(tar: string): Promise<void> {
  for (const path of await filesIn(dirname(tar))) if (basename(path).startsWith(basename(tar))) await rm(path, { force: true });
}

/** Tars of bundles that Redis has lost, and what writers that died left. Not what is young: another process may have begun a bundle since `tars` was read. */
export async function removeForgotten(dir: string, tars: ReadonlySet<string>, nowMs: number): Promise<void> {
  for (const path of await filesIn(dir)) {
    const mtimeMs = tars.has(basename(path)) ? Infinity : await stat(path).then((info) => info.mtimeMs, () => Infinity);
    if (nowMs - mtimeMs > FORGOTTEN_MS) await rm(path, { force: true });
  }
}

async function filesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  });
  return names.map((name) => join(dir, name));
}
