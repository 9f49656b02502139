import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { z } from 'zod';
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
import { freshKey, handleOf, statusOf } from '../inside-submit.js';
import { BwError } from '../../errors/bw-error.js';
import { abortedError } from '../posix/fs-errors.js';
import { assertObjectName } from '../object-name.js';
import { sweepLinkDirectories } from './link-directory.js';
import { parseEntry, readListing } from './listing.js';
import { parseJson } from './messages.js';
import { directoryOf, isUnfinished, madeAt, newPartDirectory, partPrefix } from './part-names.js';
import { fetchByRclone, readObject } from './read-object.js';
import { RcloneRemote, type RemoteOptions } from './remote.js';
import { sendBatch } from './send.js';

export interface RcloneOptions extends Omit<RemoteOptions, 'lts'> {
  readonly name: string;
  /** Objects may be archived: `stage` orders their recall where the type of the remote knows how. */
  readonly tape: boolean;
  /** Milliseconds since the epoch, for the age of leftovers. Default: Date.now. */
  readonly now?: () => number;
}

export type RcloneBackend = TransferBackend & Required<Pick<TransferBackend, 'sweepParts'>>;

/** Long-term storage that rclone knows how to reach, of whatever kind. See backend.ts for the contract, README.md for what 1.60 can do. */
export function createRcloneBackend(options: RcloneOptions): RcloneBackend {
  return new Rclone(options);
}

/** One submit takes five or six starts of rclone, half a second together: 64 kB alone would take 16 s for a MiB. What is bigger is worth a submit of its own. */
const BATCH = { items: 1000, bytes: 256 * 1024 * 1024 };
const aboutSchema = z.object({ free: z.number().nullish() });
/** Days a recalled object can be read: a restore of a large tree takes some. */
const RECALLED_DAYS = 7;

class Rclone implements RcloneBackend {
  readonly name: string;
  readonly kind = 'rclone';
  readonly #remote: RcloneRemote;
  readonly #now: () => number;
  readonly #tape: boolean;

  constructor(options: RcloneOptions) {
    this.name = options.name;
    this.#remote = new RcloneRemote({ ...options, lts: options.name });
    this.#now = options.now ?? Date.now;
    this.#tape = options.tape;
  }

  capabilities(): BackendCapabilities {
    return {
      async: false,
      thirdParty: false,
      // Which ones is known only when the remote was asked, and `sent` means that it was.
      remoteHash: [],
      rangeResume: false,
      bandwidthLimit: true,
      cancel: false,
      staging: this.#tape,
      directRead: false,
      verifiedWhenSent: true,
      rangeRead: true,
      batch: BATCH,
    };
  }

  /** Throws LTS_MISSING, TRANSFER_DENIED, RCLONE_CONFIG, RCLONE_UNSUITABLE, PROGRAM_NOT_FOUND, TRANSFER_IO. */
  async probe(): Promise<{ freeBytes: number | null }> {
    await sweepLinkDirectories(this.#now());
    const { about } = await this.#remote.facts();
    await this.#remote.assertRoot();
    const dir = newPartDirectory('', 'probe', this.#now());
    const object = posix.join(dir, randomBytes(4).toString('hex'));
    try {
      await this.#remote.run(['rcat', '--size', '1', this.#remote.at(object)], { input: Buffer.from('x'), subject: this.#remote.at('') });
    } finally {
      await this.#remote.discard(dir);
    }
    const answer = about ? await this.#remote.attempt(['about', '--json', this.#remote.at('')], { subject: this.#remote.at('') }) : null;
    const parsed = aboutSchema.safeParse(parseJson(answer?.stdout.toString('utf8') ?? ''));
    return { freeBytes: parsed.success ? (parsed.data.free ?? null) : null };
  }

  prepare(items: readonly TransferItem[]): Promise<string> {
    return Promise.resolve(freshKey(items));
  }

  async submit(key: string, items: readonly TransferItem[], options: TransferOptions = {}): Promise<TransferHandle> {
    for (const item of items) assertObjectName(item.object);
    const failed = await sendBatch(this.#remote, key, items, this.#now, options);
    if (options.signal?.aborted === true) throw abortedError(items[0]?.object ?? '');
    const first = items.flatMap((item) => failed.filter((other) => other.item === item))[0];
    if (first !== undefined) throw first.error;
    return handleOf(key, items);
  }

  poll(handle: TransferHandle): Promise<TransferStatus> {
    return Promise.resolve(statusOf(handle));
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  /** Removes the unfinished objects of this key. What has its name needs no handle: submit adopts it object by object. */
  async reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
    if ((await this.#remote.facts()).atomicPuts) return null;
    for (const dir of new Set(items.map((item) => directoryOf(item.object)))) await this.#discardAll(await this.#beside(partPrefix(dir, key)));
    return null;
  }

  /** Reads it back, whatever hash the far end may have: SHA-512 is what manifests hold. */
  async verify(item: TransferItem, options: TransferOptions = {}): Promise<Verdict> {
    assertObjectName(item.object);
    const found = await readObject(this.#remote, item, options);
    if (found === null) return 'missing';
    return found.bytes === item.bytes && found.sha512 === item.sha512 ? 'match' : 'mismatch';
  }

  async fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    assertObjectName(item.object);
    await fetchByRclone(this.#remote, item, options);
  }

  localPath(): null {
    return null;
  }

  async stat(object: string): Promise<StoredObject | null> {
    assertObjectName(object);
    const result = await this.#remote.runOrNull(['lsjson', '--stat', '--no-modtime', '--no-mimetype', this.#remote.at(object)], { subject: object });
    const entry = result === null ? null : parseEntry(result.stdout.toString('utf8').replaceAll('\n', ' '));
    return entry === null || entry.isDirectory ? null : { object, bytes: entry.bytes };
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    if (prefix !== '') assertObjectName(prefix);
    for await (const { path, bytes } of readListing(this.#remote, prefix, ['--recursive', '--files-only'])) {
      const object = posix.join(prefix, path);
      if (!isUnfinished(object)) yield { object, bytes };
    }
  }

  /** S3 Glacier only (as documented by rclone 1.60; no such storage was at hand). The recall takes hours: fetch fails for a retry until it is there. */
  async stage(objects: readonly string[]): Promise<void> {
    if (!this.#tape || objects.length === 0 || !(await this.#remote.facts()).restore) return;
    await this.#remote.run(['backend', 'restore', this.#remote.at(''), '-o', 'priority=Standard', '-o', `lifetime=${RECALLED_DAYS}`], { names: objects, subject: this.#remote.at('') });
  }

  async remove(objects: readonly string[]): Promise<void> {
    for (const object of objects) assertObjectName(object);
    if (objects.length === 0) return;
    const { atomicPuts } = await this.#remote.facts();
    await this.#remote.assertRoot();
    await this.#remote.run(['delete', this.#remote.at('')], { names: objects, subject: this.#remote.at('') });
    if (atomicPuts) return;
    // Only the directory of a backup that is gone, never one above, in which another backup may begin right now; one that is not empty stays.
    for (const dir of new Set(objects.map(directoryOf))) {
      if (dir.includes('/')) await this.#remote.attempt(['rmdir', this.#remote.at(dir)], { subject: dir });
    }
  }

  /** Where the far end renames, a reader may see neither the old nor the new one for a moment. */
  async replace(object: string, bytes: Uint8Array): Promise<void> {
    assertObjectName(object);
    if (!object.startsWith(REPLACEABLE_PREFIX)) throw notReplaceable(object);
    const { atomicPuts } = await this.#remote.facts();
    await this.#remote.assertRoot();
    const put = (at: string) => this.#remote.run(['rcat', '--size', String(bytes.length), this.#remote.at(at)], { input: bytes, subject: object });
    if (atomicPuts) {
      await put(object);
      return;
    }
    const dir = newPartDirectory(directoryOf(object), 'replace', this.#now());
    try {
      const part = posix.join(dir, posix.basename(object));
      await put(part);
      // Else one of the same size and time would be taken for the same.
      await this.#remote.run(['moveto', '--ignore-times', this.#remote.at(part), this.#remote.at(object)], { subject: object });
    } finally {
      await this.#remote.discard(dir);
    }
  }

  /** Age by the time in the name of the directory, by the clock of the host that made it. */
  async sweepParts(olderThanMs: number, prefix = ''): Promise<number> {
    if (prefix !== '') assertObjectName(prefix);
    if ((await this.#remote.facts()).atomicPuts) return 0;
    await this.#remote.assertRoot();
    const found = prefix === '' ? [] : await this.#beside(`${prefix}.part-`);
    for await (const { path } of readListing(this.#remote, prefix, ['--recursive', '--dirs-only'])) if (isUnfinished(path)) found.push(posix.join(prefix, path));
    return this.#discardAll(found.filter((dir) => (madeAt(dir) ?? Infinity) <= this.#now() - olderThanMs));
  }

  /** Directories that begin like this. */
  async #beside(begin: string): Promise<string[]> {
    const above = directoryOf(begin);
    const found: string[] = [];
    for await (const { path } of readListing(this.#remote, above, ['--dirs-only'])) if (posix.join(above, path).startsWith(begin)) found.push(posix.join(above, path));
    return found;
  }

  async #discardAll(dirs: readonly string[]): Promise<number> {
    for (const dir of dirs) await this.#remote.attempt(['purge', this.#remote.at(dir)], { subject: dir, about: { names: BATCH.items } });
    return dirs.length;
  }
}

function notReplaceable(object: string): BwError {
  return new BwError('OBJECT_NAME_INVALID', {
    message: `only objects below ${REPLACEABLE_PREFIX} may be replaced`,
    subject: object,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it.',
  });
}
