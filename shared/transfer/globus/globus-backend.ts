import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BwError } from '../../errors/bw-error.js';
import { shareFile } from '../../files/share.js';
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
import { createLimiter } from '../bandwidth.js';
import { assertObjectName, PART_MARK } from '../object-name.js';
import { bringBack, verifyBack } from './bring-back.js';
import { GlobusClient } from './client.js';
import { parseHandle } from './handle.js';
import { joinPath, mapFile, type SourceMap } from './path-map.js';
import type { Place } from './place.js';
import { listObjects, probe, removeObjects, statObject, sweepParts } from './remote-files.js';
import { prepareScratch } from './scratch.js';
import { Sender } from './send.js';
import { taskUrl } from './task-url.js';
import { Tasks } from './tasks.js';

export interface GlobusOptions {
  readonly name: string;
  /** Directory of the LTS in the destination collection. */
  readonly dir: string;
  readonly collection: string;
  readonly sources: readonly SourceMap[];
  readonly host: string;
  /** Local, below one of `sources`: for what is verified, and for what lies where no collection sees it. */
  readonly scratchDir: string;
  /** staging.group. */
  readonly group?: number | null;
  readonly clientId: string;
  /** Of mode 0600; its first line is the secret of the client. */
  readonly secretFile: string;
  readonly transferUrl: string;
  readonly authUrl: string;
  readonly maxTasks: number;
  /** Default: CALLS_PER_SECOND; null = unlimited. */
  readonly callsPerSecond?: number | null;
  readonly pollMs?: number;
  readonly stuckAfterMs?: number;
  /** Milliseconds since the epoch. Default: Date.now. */
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly fetch?: typeof fetch;
}

export type GlobusBackend = TransferBackend & Required<Pick<TransferBackend, 'sweepParts' | 'fetchAll'>>;

/** Of the 20 a user may make, metered over 10 s; other hosts use the same identity. Above it Globus says 429, and that is waited for. */
const CALLS_PER_SECOND = 15;
/** Between two looks at a task that is waited for, ms. */
const POLL_MS = 5_000;
/** An administrator may mend a permission or a quota within this long, ms; Globus itself would try for a day. */
const STUCK_AFTER_MS = 10 * 60_000;

/** Long-term storage behind a Globus collection. See backend.ts for the contract, README.md here for what is particular. */
export function createGlobusBackend(options: GlobusOptions): GlobusBackend {
  return new GlobusCollection(options);
}

class GlobusCollection implements GlobusBackend {
  readonly name: string;
  readonly kind = 'globus';
  /** Globus works on three transfers of an identity at a time. */
  readonly tasks: { readonly identity: string; readonly max: number };
  readonly #place: Place;
  readonly #sender: Sender;
  readonly #transferUrl: string;

  constructor(options: GlobusOptions) {
    this.name = options.name;
    this.tasks = { identity: `globus:${options.clientId}`, max: options.maxTasks };
    this.#place = placeOf(options);
    this.#sender = new Sender(this.#place);
    this.#transferUrl = options.transferUrl;
  }

  capabilities(): BackendCapabilities {
    return {
      async: true,
      thirdParty: true,
      remoteHash: ['sha512'],
      rangeResume: false,
      bandwidthLimit: false,
      cancel: true,
      staging: false,
      directRead: false,
      verifiedWhenSent: true,
    };
  }

  async probe(): Promise<{ freeBytes: number | null }> {
    await probe(this.#place);
    return { freeBytes: null };
  }

  /** A submission id of the service: whatever becomes of a submit, the same id is the same task. */
  async prepare(items: readonly TransferItem[]): Promise<string> {
    for (const item of items) assertObjectName(item.object);
    return this.#place.tasks.client.submissionId();
  }

  submit(key: string, items: readonly TransferItem[], options: TransferOptions = {}): Promise<TransferHandle> {
    return this.#sender.submit(key, items, options);
  }

  poll(handle: TransferHandle, items?: readonly TransferItem[], signal?: AbortSignal): Promise<TransferStatus> {
    return this.#sender.poll(handle, items, signal);
  }

  cancel(handle: TransferHandle, items?: readonly TransferItem[], options: { readonly keepMoved?: boolean } = {}): Promise<void> {
    return this.#sender.cancel(handle, items, options);
  }

  taskUrl(handle: TransferHandle): string | null {
    return taskUrl(this.#transferUrl, parseHandle(handle).task);
  }

  reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
    return this.#sender.reconcile(key, items);
  }

  verify(item: TransferItem, options: TransferOptions = {}): Promise<Verdict> {
    return verifyBack(this.#place, item, options);
  }

  async fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    const error = (await bringBack(this.#place, [item], options)).get(item.file);
    if (error !== undefined) throw error;
  }

  fetchAll(items: readonly TransferItem[], options: TransferOptions = {}): Promise<ReadonlyMap<string, BwError>> {
    return bringBack(this.#place, items, options);
  }

  localPath(): null {
    return null;
  }

  stat(object: string): Promise<StoredObject | null> {
    return statObject(this.#place, object);
  }

  list(prefix: string): AsyncIterable<StoredObject> {
    return listObjects(this.#place, prefix);
  }

  /** Globus recalls from tape by itself while a task runs. */
  stage(): Promise<void> {
    return Promise.resolve();
  }

  remove(objects: readonly string[]): Promise<void> {
    return removeObjects(this.#place, objects);
  }

  /** The service renames over nothing, so for a moment between two calls the object has neither content. */
  async replace(object: string, bytes: Uint8Array): Promise<void> {
    assertObjectName(object);
    if (!object.startsWith(REPLACEABLE_PREFIX)) throw notReplaceable(object);
    const { tasks, collection, dir, sources, host, lts, scratchDir, group = null } = this.#place;
    await prepareScratch(this.#place);
    const name = randomUUID();
    const file = join(scratchDir, name);
    const final = joinPath(dir, object);
    const part = `${final}${PART_MARK}${name}`;
    try {
      await writeFile(file, bytes, { mode: 0o600, flag: 'wx' });
      if (group !== null) await shareFile(file, group);
      const from = mapFile(sources, host, file, lts);
      await tasks.transfer('replace', { source: from.collection, destination: collection }, [{ from: from.path, to: part }]);
      if (await tasks.client.rename(collection, part, final)) return;
      await tasks.remove(collection, [final]);
      if (!(await tasks.client.rename(collection, part, final))) throw notRenamed(object, lts);
    } finally {
      await rm(file, { force: true });
    }
  }

  sweepParts(olderThanMs: number, prefix = ''): Promise<number> {
    return sweepParts(this.#place, olderThanMs, prefix);
  }
}

function placeOf(options: GlobusOptions): Place {
  const { name: lts, now = Date.now, callsPerSecond = CALLS_PER_SECOND, pollMs = POLL_MS, stuckAfterMs = STUCK_AFTER_MS, sleep = timer } = options;
  const { dir, collection, sources, host, scratchDir, group = null, clientId, secretFile, transferUrl, authUrl } = options;
  const limiter = callsPerSecond === null ? null : createLimiter(callsPerSecond);
  const client = new GlobusClient({ lts, limiter, now, sleep, clientId, secretFile, transferUrl, authUrl, fetch: options.fetch });
  return { lts, host, collection, dir, sources, scratchDir, group, tasks: new Tasks(client, { lts, now, sleep, pollMs, stuckAfterMs }) };
}

function timer(ms: number, signal?: AbortSignal): Promise<void> {
  return delay(ms, undefined, signal === undefined ? {} : { signal });
}

function notReplaceable(object: string): BwError {
  return new BwError('OBJECT_NAME_INVALID', {
    message: `only objects below ${REPLACEABLE_PREFIX} may be replaced`,
    subject: object,
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it.',
  });
}

function notRenamed(object: string, lts: string): BwError {
  return new BwError('TRANSFER_IO', { message: 'the collection does not rename the new content to its name', subject: object, retry: 'retry', hint: 'It is tried again. If it persists, look at the collection.', lts });
}
