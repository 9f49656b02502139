import { constants } from 'node:fs';
import { readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BwError } from '../../errors/bw-error.js';
import {
  REPLACEABLE_PREFIX,
  type BackendCapabilities,
  type StoredObject,
  type TransferBackend,
  type TransferHandle,
  type TransferItem,
  type TransferOptions,
  type TransferStatus,
  type Verdict,
} from '../backend.js';
import type { Bandwidth } from '../bandwidth.js';
import { freshKey, handleOf, statusOf } from '../inside-submit.js';
import { assertObjectName, PART_MARK, partTag } from '../object-name.js';
import { writeAll } from './copy-into.js';
import { Directories, syncDirectory } from './directories.js';
import { dropCache } from './drop-cache.js';
import { fetchObject, objectCorrupt, objectMissing } from './fetch-object.js';
import { abortedError, errnoOf, ltsError } from './fs-errors.js';
import { hashContent, sameContent } from './hash-file.js';
import { nullIfAbsent, walkFiles } from './list-objects.js';
import { createPart, discardPart } from './part-file.js';
import { probeRoot } from './probe-root.js';
import { putObject } from './put-object.js';
import { closeFile, lstatPath, openFile, statFile, syncFile } from './raw-fs.js';

export interface PosixOptions {
  readonly name: string;
  /** LTS root, absolute; must exist. */
  readonly dir: string;
  readonly bandwidth: Bandwidth;
  /** Milliseconds since the epoch, for the age of leftovers. Default: Date.now. */
  readonly now?: () => number;
}

export type PosixBackend = TransferBackend & Required<Pick<TransferBackend, 'sweepParts'>>;

const CAPABILITIES: BackendCapabilities = {
  async: false,
  thirdParty: false,
  remoteHash: [],
  rangeResume: false,
  bandwidthLimit: true,
  cancel: false,
  staging: false,
  directRead: true,
  verifiedWhenSent: true,
  rangeRead: true,
};

/** Long-term storage on a mounted filesystem: local disk, NFS, Lustre. See backend.ts for the contract. */
export function createPosixBackend(options: PosixOptions): PosixBackend {
  return new MountedFilesystem(options);
}

class MountedFilesystem implements PosixBackend {
  readonly name: string;
  readonly kind = 'posix';
  readonly #root: string;
  readonly #bandwidth: Bandwidth;
  readonly #directories: Directories;
  readonly #now: () => number;

  constructor(options: PosixOptions) {
    this.name = options.name;
    this.#root = options.dir;
    this.#bandwidth = options.bandwidth;
    this.#directories = new Directories(options.dir);
    this.#now = options.now ?? Date.now;
  }

  capabilities(): BackendCapabilities {
    return CAPABILITIES;
  }

  probe(): Promise<{ freeBytes: number | null }> {
    return this.#guard(this.#root, undefined, () => probeRoot(this.#root));
  }

  prepare(items: readonly TransferItem[]): Promise<string> {
    return Promise.resolve(freshKey(items));
  }

  async submit(key: string, items: readonly TransferItem[], options: TransferOptions = {}): Promise<TransferHandle> {
    const errors: unknown[] = [];
    for (const item of items) {
      await this.#put(key, item, options).catch((thrown: unknown) => errors.push(thrown));
      if (options.signal?.aborted === true) break;
    }
    if (errors.length > 0) throw errors[0];
    return handleOf(key, items);
  }

  poll(handle: TransferHandle): Promise<TransferStatus> {
    return Promise.resolve(statusOf(handle));
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  /** Removes the unfinished files of this key. What was published needs no handle: submit adopts it object by object. */
  async reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
    const marks = items.map((item) => `${this.#path(item.object)}${PART_MARK}${partTag(key)}-`);
    for (const dir of new Set(marks.map((mark) => dirname(mark)))) {
      const names = (await this.#guard(dir, undefined, () => readdir(dir).catch(nullIfAbsent))) ?? [];
      const left = names.map((name) => join(dir, name)).filter((path) => marks.some((mark) => path.startsWith(mark)));
      for (const path of left) await this.#guard(path, undefined, () => discardPart(path));
    }
    return null;
  }

  async verify(item: TransferItem, options: TransferOptions = {}): Promise<Verdict> {
    const path = this.#path(item.object);
    return this.#guard(item.object, options.signal, () =>
      this.#withObject(path, async (fd) => {
        if (fd === null) return 'missing';
        const { size } = await statFile(fd);
        if (!hasRoom(size, item)) return 'mismatch';
        await dropCache(path, size, options.signal);
        const found = await hashContent(fd, item.bytes, { signal: options.signal, limiter: this.#bandwidth.read, subject: item.object, offset: item.offset });
        return sameContent(found, item) ? 'match' : 'mismatch';
      }),
    );
  }

  async fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    const path = this.#path(item.object);
    await this.#guard(item.object, options.signal, () =>
      this.#withObject(path, async (fd) => {
        if (fd === null) throw objectMissing(item.object);
        const { size } = await statFile(fd);
        if (!hasRoom(size, item)) throw objectCorrupt(item, `${size} bytes`);
        await fetchObject(fd, item, this.#bandwidth.read, options);
      }),
    );
  }

  localPath(object: string): string {
    return this.#path(object);
  }

  async stat(object: string): Promise<StoredObject | null> {
    const path = this.#path(object);
    const stats = await this.#guard(object, undefined, () => this.#orNull(() => lstatPath(path)));
    return stats?.isFile() === true ? { object, bytes: stats.size } : null;
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    if (prefix !== '') assertObjectName(prefix);
    try {
      await stat(this.#root);
      for await (const { object, bytes, isPart } of walkFiles(this.#root, prefix)) if (!isPart) yield { object, bytes };
    } catch (thrown) {
      throw await ltsError(thrown, prefix, this.#root, this.name);
    }
  }

  stage(): Promise<void> {
    return Promise.resolve();
  }

  /** Directories that become empty go too, so that pruned backups leave nothing. */
  async remove(objects: readonly string[]): Promise<void> {
    const dirs = new Set<string>();
    for (const object of objects) {
      const path = this.#path(object);
      await this.#guard(object, undefined, () => this.#orNull(() => unlink(path)));
      dirs.add(dirname(path));
    }
    for (const dir of dirs) await this.#guard(dir, undefined, () => this.#removeEmpty(dir));
  }

  async replace(object: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(object);
    if (!object.startsWith(REPLACEABLE_PREFIX)) throw notReplaceable(object);
    await this.#guard(object, undefined, async () => {
      const part = await createPart(this.#directories, path, 'replace');
      try {
        await writeAll(part.fd, bytes, 0).then(() => syncFile(part.fd)).finally(() => closeFile(part.fd));
        await rename(part.path, path);
      } finally {
        await discardPart(part.path);
      }
      await syncDirectory(dirname(path));
    });
  }

  /** Age by mtime, which the storage's server may have set: choose hours, not minutes. */
  async sweepParts(olderThanMs: number, prefix = ''): Promise<number> {
    if (prefix !== '') assertObjectName(prefix);
    return this.#guard(this.#root, undefined, async () => {
      await stat(this.#root);
      let removed = 0;
      for await (const file of walkFiles(this.#root, prefix)) {
        if (!file.isPart || file.mtimeMs > this.#now() - olderThanMs) continue;
        await discardPart(join(this.#root, file.object));
        await this.#removeEmpty(dirname(join(this.#root, file.object)));
        removed += 1;
      }
      // A putter that was killed before its first byte leaves the directory alone.
      if (prefix !== '') await this.#orNull(() => this.#removeEmpty(join(this.#root, prefix)));
      return removed;
    });
  }

  #put(key: string, item: TransferItem, options: TransferOptions): Promise<void> {
    return this.#guard(item.object, options.signal, () =>
      putObject({ directories: this.#directories, bandwidth: this.#bandwidth }, this.#path(item.object), key, item, options),
    );
  }

  #path(object: string): string {
    assertObjectName(object);
    return join(this.#root, object);
  }

  /** Opens without following a symlink, which nobody of ours put there; null when absent in a root that exists. */
  async #withObject<T>(path: string, work: (fd: number | null) => Promise<T>): Promise<T> {
    const fd = await this.#orNull(() => openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    try {
      return await work(fd);
    } finally {
      if (fd !== null) await closeFile(fd);
    }
  }

  /** null for ENOENT below an existing root: an unmounted storage must not look like one without objects. */
  async #orNull<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ENOENT' && errnoOf(thrown) !== 'ENOTDIR') throw thrown;
      await stat(this.#root);
      return null;
    }
  }

  async #removeEmpty(dir: string): Promise<void> {
    for (let at = dir; at !== this.#root; at = dirname(at)) {
      try {
        await rmdir(at);
      } catch (thrown) {
        if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(thrown))) return;
        if (errnoOf(thrown) !== 'ENOENT') throw thrown;
      }
      this.#directories.forget(at);
    }
  }

  async #guard<T>(subject: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const decided = thrown instanceof BwError && thrown.code !== 'PROGRAM_ABORTED';
      throw signal?.aborted === true && !decided ? abortedError(subject) : await ltsError(thrown, subject, this.#root, this.name);
    }
  }
}

/** An object of this size can be, or hold, the item. */
function hasRoom(size: number, { bytes, offset }: TransferItem): boolean {
  return offset === undefined ? size === bytes : size >= offset + bytes;
}

function notReplaceable(object: string): BwError {
  return new BwError('OBJECT_NAME_INVALID', {
    message: `only objects below ${REPLACEABLE_PREFIX} may be replaced`,
    subject: object,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it.',
  });
}
