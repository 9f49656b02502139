import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { diskUse, type Visit } from './disk-use.js';

export interface Measured {
  /** Bytes of backups' files. */
  readonly used: number;
  /** Bytes of what restores and verifications laid here. */
  readonly restores: number;
  /** Bytes the filesystem has left beside the margin. */
  readonly free: number;
  /** Bytes that are never planned with. */
  readonly margin: number;
}

/** Share of the filesystem, at most so many bytes. */
const MARGIN = { share: 0.01, bytes: 1024 ** 3 };
/** Scratch of a restore drill may hold millions of files: it is reserved as a whole and not looked into. */
const SCRATCH = new Set(['scratch']);

/** Looks at what lies in `<dir>/<host>` and at its filesystem. `owners`: of restores, a directory there or below. */
export async function measure(dir: string, host: string, owners: ReadonlySet<string>, visit: Visit): Promise<Measured> {
  let used = 0;
  let restores = 0;
  const restoreIds = new Set([...owners].map((owner) => owner.split('/')[0]));
  for (const id of await namesIn(join(dir, host))) {
    if (restoreIds.has(id)) restores += await diskUse(join(dir, host, id), undefined, SCRATCH);
    else used += await diskUse(join(dir, host, id), visit);
  }
  const { bavail, blocks, bsize } = await statfs(dir);
  const margin = Math.min(MARGIN.bytes, blocks * bsize * MARGIN.share);
  return { used, restores, free: bavail * bsize - margin, margin };
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []; // nothing was staged yet
    throw thrown;
  });
}
