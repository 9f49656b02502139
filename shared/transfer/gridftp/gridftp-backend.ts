import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { Readable } from 'node:stream';
import { BwError, toBwError } from '../../errors/bw-error.js';
import { mapLimited } from '../../catalog/map-limited.js';
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
import { assertObjectName, PART_MARK, partTag } from '../object-name.js';
import { abortedError, throwIfAborted } from '../posix/fs-errors.js';
import { wordsError } from './classify.js';
import { FarEnd } from './far-end.js';
import { fetchItem } from './fetch-item.js';
import type { GridftpOptions } from './options.js';
import { prove } from './prove.js';
import { discard, partPath, putItems } from './put-items.js';
import { walkFar } from './walk.js';

export type GridftpBackend = TransferBackend & Required<Pick<TransferBackend, 'sweepParts'>>;

/** Objects and bytes that go in one submit: enough to forget what starting a process costs, few enough that staging is given back while others are sent. */
const BATCH = { items: 1_000, bytes: 1024 ** 3 } as const;
/** Below this a second process costs more than it brings. */
const LANE_ITEMS = 4;

/** Long-term storage behind a GridFTP server. See backend.ts for the contract, README.md for how it works. */
export function createGridftpBackend(options: GridftpOptions): GridftpBackend {
  return new GridftpStorage(options);
}

class GridftpStorage implements GridftpBackend {
  readonly name: string;
  readonly kind = 'gridftp';
  readonly #far: FarEnd;
  readonly #now: () => number;

  constructor(options: GridftpOptions) {
    this.name = options.name;
    this.#far = new FarEnd(options);
    this.#now = options.now ?? Date.now;
  }

  capabilities(): BackendCapabilities {
    return {
      async: false,
      thirdParty: false,
      remoteHash: ['sha512', 'sha256', 'md5'],
      rangeResume: false,
      bandwidthLimit: true,
      cancel: false,
      staging: false,
      directRead: false,
      verifiedWhenSent: true,
      rangeRead: true,
      batch: BATCH,
    };
  }

  /** A byte goes there and is hashed and removed: a server whose data ports are closed answers all else. */
  probe(): Promise<{ freeBytes: number | null }> {
    return this.#guard(this.#far.root, undefined, async () => {
      await this.#far.sessions.use((session) => this.#far.assertRoot(session));
      const path = `${this.#far.root}/probe${PART_MARK}${randomBytes(8).toString('hex')}`;
      try {
        await this.#putBytes(Buffer.from('x'), path);
      } finally {
        await discard(this.#far, [path]);
      }
      return { freeBytes: null };
    });
  }

  prepare(items: readonly TransferItem[]): Promise<string> {
    return Promise.resolve(freshKey(items));
  }

  async submit(key: string, items: readonly TransferItem[], options: TransferOptions = {}): Promise<TransferHandle> {
    const subject = items[0]?.object ?? this.#far.root;
    await this.#guard(subject, options.signal, async () => {
      for (const item of items) assertObjectName(item.object);
      throwIfAborted(options.signal, subject);
      const lanes = this.#far.bandwidth.write.rate() !== null ? [items] : laneOf(items, this.#far.concurrent);
      const errors = (await mapLimited(lanes, lanes.length, (lane) => putItems(this.#far, key, lane, options))).flat();
      if (errors.length > 0) throw errors[0];
    });
    return handleOf(key, items);
  }

  poll(handle: TransferHandle): Promise<TransferStatus> {
    return Promise.resolve(statusOf(handle));
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  /** Removes the unfinished objects of this key. What was published needs no handle: submit adopts it object by object. */
  async reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
    const marks = items.map((item) => `${this.#far.path(item.object)}${PART_MARK}${partTag(key)}-`);
    await this.#guard(this.#far.root, undefined, () => this.#far.sessions.use(async (session) => {
      for (const dir of new Set(marks.map((mark) => dirname(mark)))) {
        const paths = ((await session.list(dir)) ?? []).map(({ name }) => `${dir}/${name}`).filter((path) => marks.some((mark) => path.startsWith(mark)));
        await Promise.all(paths.map((path) => session.remove(path)));
      }
    }));
    return null;
  }

  async verify(item: TransferItem, options: TransferOptions = {}): Promise<Verdict> {
    const path = this.#far.path(item.object);
    return this.#guard(item.object, options.signal, () => this.#far.sessions.use(async (session) => {
      const verdict = await prove(this.#far, session, { item, path, hasFile: false, signal: options.signal });
      if (verdict === 'missing') await this.#far.assertRoot(session);
      return verdict;
    }, options.signal));
  }

  fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    return this.#guard(item.object, options.signal, () => fetchItem(this.#far, item, options));
  }

  localPath(): null {
    return null;
  }

  stat(object: string): Promise<StoredObject | null> {
    return this.#guard(object, undefined, () => this.#far.sessions.use(async (session) => {
      const there = await session.look(this.#far.path(object));
      if (there === null) await this.#far.assertRoot(session);
      return there?.kind === 'file' ? { object, bytes: there.bytes } : null;
    }));
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    if (prefix !== '') assertObjectName(prefix);
    try {
      for await (const { object, bytes, isPart } of walkFar(this.#far, prefix)) if (!isPart) yield { object, bytes };
    } catch (thrown) {
      throw this.#named(toBwError(thrown));
    }
  }

  stage(): Promise<void> {
    return Promise.resolve();
  }

  /** Directories that become empty go too, so that pruned backups leave nothing. */
  async remove(objects: readonly string[]): Promise<void> {
    const paths = objects.map((object) => this.#far.path(object));
    await this.#guard(objects[0] ?? '', undefined, () => this.#far.sessions.use(async (session) => {
      const removed = await Promise.all(paths.map((path) => session.remove(path)));
      if (removed.includes(false)) await this.#far.assertRoot(session);
      for (const dir of new Set(paths.map((path) => dirname(path)))) await this.#far.removeEmpty(session, dir);
    }));
  }

  async replace(object: string, bytes: Uint8Array): Promise<void> {
    const final = this.#far.path(object);
    if (!object.startsWith(REPLACEABLE_PREFIX)) throw notReplaceable(object);
    await this.#guard(object, undefined, async () => {
      await this.#far.sessions.use((session) => this.#far.ensureDirectories(session, new Set([dirname(final)])));
      const path = partPath(final, 'replace');
      try {
        await this.#putBytes(bytes, path);
        await this.#far.sessions.use((session) => session.rename(path, final));
      } catch (thrown) {
        await discard(this.#far, [path]);
        throw thrown;
      }
    });
  }

  /** Age by the server's clock: choose hours, not minutes. */
  async sweepParts(olderThanMs: number, prefix = ''): Promise<number> {
    if (prefix !== '') assertObjectName(prefix);
    return this.#guard(this.#far.root, undefined, async () => {
      let removed = 0;
      for await (const file of walkFar(this.#far, prefix)) {
        if (!file.isPart || file.mtimeMs > this.#now() - olderThanMs) continue;
        const path = `${this.#far.root}/${file.object}`;
        await this.#far.sessions.use(async (session) => {
          await session.remove(path);
          await this.#far.removeEmpty(session, dirname(path));
        });
        removed += 1;
      }
      // A putter that was killed before its first byte leaves the directory alone.
      if (prefix !== '') await this.#far.sessions.use((session) => this.#far.removeEmpty(session, `${this.#far.root}/${prefix}`));
      return removed;
    });
  }

  /** Throws unless the server has exactly these bytes then. */
  async #putBytes(bytes: Uint8Array, path: string): Promise<void> {
    const said = await this.#far.urlCopy.putStream(Readable.from([Buffer.from(bytes)], { objectMode: false }), path, {}, undefined);
    const item = { object: path, file: '', bytes: bytes.length, sha512: await sha512(bytes) };
    const verdict = await this.#far.sessions.use((session) => prove(this.#far, session, { item, path, hasFile: false }));
    if (verdict !== 'match') throw wordsError(said.trim() === '' ? `what the server has of it is a ${verdict}` : said, path);
  }

  async #guard<T>(subject: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = toBwError(thrown);
      // An abort ends programs and connections, whose words then mean nothing.
      const decided = ['TRANSFER_SOURCE_CORRUPT', 'TRANSFER_SOURCE_MISSING', 'TRANSFER_OBJECT_EXISTS', 'OBJECT_NAME_INVALID', 'RESTORE_OBJECT_CORRUPT', 'RESTORE_OBJECT_MISSING'];
      throw signal?.aborted === true && !decided.includes(error.code) ? abortedError(subject) : this.#named(error);
    }
  }

  /** Errors that are about this storage carry its name, which opens its breaker. */
  #named(error: BwError): BwError {
    if (error.lts !== undefined) return error;
    const { code, message, retry, hint, subject, detail, cause } = error;
    return new BwError(code, { message, retry, hint, lts: this.name, ...(subject === undefined ? {} : { subject }), ...(detail === undefined ? {} : { detail }), ...(cause === undefined ? {} : { cause }) });
  }
}

async function sha512(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-512', Uint8Array.from(bytes))).toString('hex');
}

/** Neighbours stay together, so that each has few directories (pure). */
export function laneOf<T>(items: readonly T[], lanes: number): T[][] {
  const size = Math.max(Math.ceil(items.length / lanes), LANE_ITEMS);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function notReplaceable(object: string): BwError {
  return new BwError('OBJECT_NAME_INVALID', {
    message: `only objects below ${REPLACEABLE_PREFIX} may be replaced`,
    subject: object,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it.',
  });
}
