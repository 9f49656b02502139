import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './fs-errors.js';
import { closeFile, openFile, syncFile } from './raw-fs.js';

export const DIRECTORY_MODE = 0o700;

/** More than any host has backups in flight; forgetting costs two fsyncs for the next object of a directory. */
const MAX_KNOWN = 1000;

/** Directories that are synced now, and those that will be when that has ended. */
const running = new Map<string, Promise<void>>();
const next = new Map<string, Promise<void>>();

/**
 * Makes a directory's entries durable. Who comes while it is synced already shares the next one with all others that do: what comes together
 * into a directory costs two, whatever its number.
 */
export function syncDirectory(dir: string): Promise<void> {
  const current = running.get(dir);
  if (current === undefined) return startSync(dir);
  const known = next.get(dir);
  if (known !== undefined) return known;
  const again = current.catch(() => undefined).then(() => {
    next.delete(dir);
    return startSync(dir);
  });
  next.set(dir, again);
  return again;
}

function startSync(dir: string): Promise<void> {
  const syncing = sync(dir).finally(() => {
    if (running.get(dir) === syncing) running.delete(dir);
  });
  running.set(dir, syncing);
  return syncing;
}

/** EINVAL is how filesystems without directory fsync answer. */
async function sync(dir: string): Promise<void> {
  const fd = await openFile(dir, 'r');
  try {
    await syncFile(fd).catch((thrown: unknown) => {
      if (errnoOf(thrown) !== 'EINVAL') throw thrown;
    });
  } finally {
    await closeFile(fd);
  }
}

/**
 * Creates directories below an LTS root, 0700, durable up to the root, never the root itself. Every process syncs the
 * parents of a directory before its first object there, also when another one created it a moment ago.
 */
export class Directories {
  readonly #known = new Set<string>();
  readonly #making = new Map<string, Promise<void>>();

  constructor(readonly root: string) {}

  /** fs errors come out as they are; ENOENT when the root is not there. */
  async ensure(dir: string): Promise<void> {
    if (dir === this.root || this.#known.has(dir)) return;
    const making = this.#making.get(dir) ?? this.#make(dir).finally(() => { this.#making.delete(dir); });
    this.#making.set(dir, making);
    await making;
  }

  async #make(dir: string): Promise<void> {
    await this.ensure(dirname(dir));
    await mkdir(dir, { mode: DIRECTORY_MODE }).catch((thrown: unknown) => {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    });
    await syncDirectory(dirname(dir));
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(dir);
  }

  /** Call it when something in `dir` was unexpectedly ENOENT: a prune may have removed it. */
  forget(dir: string): void {
    for (let at = dir; at.length > this.root.length; at = dirname(at)) this.#known.delete(at);
  }
}
