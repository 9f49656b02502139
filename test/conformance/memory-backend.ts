import { readFile, writeFile } from 'node:fs/promises';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';
import {
  NO_HASH,
  REPLACEABLE_PREFIX,
  type StoredObject,
  type TransferBackend,
  type TransferHandle,
  type TransferItem,
  type TransferOptions,
  type TransferStatus,
  type Verdict,
} from '../../shared/transfer/backend.js';
import { assertObjectName } from '../../shared/transfer/object-name.js';
import { sha512 } from './sample-items.js';

interface Task {
  readonly waiting: TransferItem[];
  readonly options: TransferOptions;
  status: TransferStatus;
}

/**
 * An asynchronous storage in memory: one item moves per poll. It stands for Globus-like services in tests of the
 * engine, and keeps the conformance suite honest about backends that do not work inside submit.
 */
export class MemoryBackend implements TransferBackend {
  readonly name = 'memory';
  readonly kind = 'memory';
  readonly objects = new Map<string, Buffer>();
  readonly calls: string[] = [];
  #keys = 0;
  readonly #tasks = new Map<string, Task>();

  capabilities() {
    const none = { thirdParty: false, rangeResume: false, bandwidthLimit: false, staging: false, directRead: false };
    return { ...none, async: true, cancel: true, remoteHash: ['sha512'] };
  }

  probe(): Promise<{ freeBytes: number | null }> {
    return Promise.resolve({ freeBytes: null });
  }

  prepare(): Promise<string> {
    return Promise.resolve(`key-${(this.#keys += 1)}`);
  }

  submit(key: string, items: readonly TransferItem[], options: TransferOptions = {}): Promise<TransferHandle> {
    this.calls.push('submit');
    if (options.signal?.aborted === true) return Promise.reject(error('TRANSFER_ABORTED', 'retry'));
    try {
      for (const item of items) assertObjectName(item.object);
    } catch (thrown) {
      return Promise.reject(toBwError(thrown));
    }
    const known = this.#tasks.get(key);
    if (known === undefined || known.status.state === 'failed') {
      this.#tasks.set(key, { waiting: [...items], options, status: { state: 'running', bytes: 0, files: 0 } });
    }
    return Promise.resolve({ task: key });
  }

  async poll(handle: TransferHandle): Promise<TransferStatus> {
    this.calls.push('poll');
    const task = this.#task(handle);
    const item = task.waiting.shift();
    if (task.status.state === 'cancelled') return task.status;
    const failure = item === undefined ? null : await this.#move(item, task);
    const first = task.status.error ?? failure ?? undefined;
    const state = task.waiting.length > 0 ? 'running' : first === undefined ? 'sent' : 'failed';
    task.status = { state, bytes: task.status.bytes + (item?.bytes ?? 0), files: task.status.files + 1, ...(first === undefined ? {} : { error: first }) };
    return task.status;
  }

  cancel(handle: TransferHandle): Promise<void> {
    this.calls.push('cancel');
    const task = this.#task(handle);
    for (const item of task.waiting) this.objects.delete(item.object);
    task.waiting.length = 0;
    task.status = { ...task.status, state: 'cancelled', error: error('TRANSFER_ABORTED', 'retry') };
    return Promise.resolve();
  }

  reconcile(key: string): Promise<TransferHandle | null> {
    this.calls.push('reconcile');
    return Promise.resolve(this.#tasks.has(key) ? { task: key } : null);
  }

  verify(item: TransferItem): Promise<Verdict> {
    this.calls.push(`verify ${item.object}`);
    const bytes = this.objects.get(item.object);
    if (bytes === undefined) return Promise.resolve('missing');
    return Promise.resolve(bytes.length === item.bytes && sha512(bytes) === item.sha512 ? 'match' : 'mismatch');
  }

  async fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    const verdict = await this.verify(item);
    if (verdict === 'missing') throw error('RESTORE_OBJECT_MISSING', 'permanent');
    if (verdict !== 'match' && item.sha512 !== NO_HASH) throw error('RESTORE_OBJECT_CORRUPT', 'permanent');
    options.onProgress?.({ bytes: item.bytes, object: item.object });
    if (options.signal?.aborted === true) throw error('TRANSFER_ABORTED', 'retry');
    await writeFile(item.file, this.objects.get(item.object) ?? '', { flag: 'wx' });
  }

  localPath(): null {
    return null;
  }

  stat(object: string): Promise<StoredObject | null> {
    const bytes = this.objects.get(object);
    return Promise.resolve(bytes === undefined ? null : { object, bytes: bytes.length });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous, a Map is not
  async *list(prefix: string): AsyncGenerator<StoredObject> {
    for (const [object, bytes] of this.objects) {
      if (prefix === '' || object.startsWith(`${prefix}/`)) yield { object, bytes: bytes.length };
    }
  }

  stage(): Promise<void> {
    this.calls.push('stage');
    return Promise.resolve();
  }

  remove(objects: readonly string[]): Promise<void> {
    for (const object of objects) this.objects.delete(object);
    return Promise.resolve();
  }

  replace(object: string, bytes: Uint8Array): Promise<void> {
    if (!object.startsWith(REPLACEABLE_PREFIX)) return Promise.reject(error('OBJECT_NAME_INVALID', 'permanent'));
    this.objects.set(object, Buffer.from(bytes));
    return Promise.resolve();
  }

  async #move(item: TransferItem, task: Task): Promise<BwError | null> {
    const bytes = await readFile(item.file).catch(() => null);
    if (bytes === null) return error('TRANSFER_SOURCE_MISSING', 'permanent');
    if (bytes.length !== item.bytes || sha512(bytes) !== item.sha512) return error('TRANSFER_SOURCE_CORRUPT', 'permanent');
    task.options.onProgress?.({ bytes: item.bytes, object: item.object });
    if (task.options.signal?.aborted === true) return error('TRANSFER_ABORTED', 'retry');
    const there = this.objects.get(item.object);
    if (there !== undefined && !there.equals(bytes)) return error('TRANSFER_OBJECT_EXISTS', 'permanent');
    this.objects.set(item.object, bytes);
    return null;
  }

  #task(handle: TransferHandle): Task {
    const task = this.#tasks.get(String(handle['task']));
    if (task === undefined) throw error('TRANSFER_IO', 'retry');
    return task;
  }
}

function error(code: string, retry: 'retry' | 'permanent'): BwError {
  return new BwError(code, { message: `memory backend: ${code}`, retry, hint: 'This is a test.' });
}
