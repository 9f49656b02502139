import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerContext } from '../context.js';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import { toError } from '../../shared/tasks/task-record.js';
import type { TransferItem } from '../../shared/transfer/backend.js';
import { sendItems, type ItemResult, type SendRequest } from '../../shared/transfer/engine.js';
import { FilesOnTheirWay } from './files-on-their-way.js';

type Context = Pick<WorkerContext, 'queues' | 'config' | 'staging'>;

/** A job that waits for a small file looks this often, ms: one command. */
const LOOK_MS = 500;
/** Small, and much waits for them: they go with the next task. */
const PRIORITY = priorityOf('restore', 'seal');

/**
 * sendItems for files that are no slices (of a seal, of the catalog, bundles): to an asynchronous LTS they go with the tasks of this host, so that they keep to
 * its leases and a crash leaves none twice. Waits for them; the caller may remove its files as soon as this returns, whatever a task still reads. Results as those of sendItems.
 */
export async function sendFiles(context: Context, request: SendRequest): Promise<ItemResult[]> {
  if (!request.backend.capabilities().async) return sendItems(request);
  const sending = new Sending(context, request);
  try {
    return await sending.untilSent();
  } finally {
    await sending.tidyUp().catch(() => undefined); // else it is swept
  }
}

class Sending {
  readonly #outbox: Outbox;
  readonly #way: FilesOnTheirWay;
  /** Items whose file is not there to be sent. */
  readonly #refused = new Map<TransferItem, BwError>();

  constructor(
    private readonly context: Context,
    private readonly request: SendRequest,
  ) {
    this.#outbox = new Outbox(context.queues.redis);
    this.#way = new FilesOnTheirWay(context, request.backend.name);
  }

  async untilSent(): Promise<ItemResult[]> {
    const { backend, items, signal, onCommitted } = this.request;
    for (;;) {
      const results = await this.#step();
      if (results !== null) {
        for (const { item, location } of results) if (location !== undefined) await onCommitted?.(item, location);
        return results;
      }
      try {
        await sleep(LOOK_MS, undefined, signal === undefined ? {} : { signal });
      } catch {
        await this.#outbox.drop(backend.name, this.context.config.host, items.map(({ object }) => object));
        return items.map((item) => ({ item, state: 'cancelled', error: stopped() }));
      }
    }
  }

  async tidyUp(): Promise<void> {
    await this.#way.removeSettled(this.request.items);
  }

  /** Null while some are under way. Repeating it has no further effect. */
  async #step(): Promise<ItemResult[] | null> {
    const { backend: { name: lts }, items } = this.request;
    const { host } = this.context.config;
    const sent = await this.#outbox.sentFiles(lts, items.map(({ object }) => object));
    const open = items.filter((item) => sent.get(item.object) !== item.sha512 && !this.#refused.has(item));
    if (open.length === 0) return items.map((item) => this.#ended(item));
    const objects = open.map(({ object }) => object);
    const [error] = await this.#outbox.takeErrors(lts, objects);
    if (error !== undefined) {
      await this.#outbox.drop(lts, host, objects);
      return items.map((item) => (open.includes(item) ? { item, state: 'failed', error: toError(error) } : this.#ended(item)));
    }
    const pending = await this.#outbox.pending(lts, host, objects);
    const placed: TransferItem[] = [];
    for (const item of open) if (!pending.has(item.object)) placed.push(...(await this.#place(item)));
    await this.#outbox.put(lts, host, placed.map(({ object, file, bytes, sha512 }) => ({ object, file, bytes, sha512, backupId: '', kind: 'file', priority: PRIORITY, job: '' })));
    return null;
  }

  async #place(item: TransferItem): Promise<TransferItem[]> {
    try {
      return [await this.#way.place(item)];
    } catch (thrown) {
      this.#refused.set(item, toBwError(thrown));
      return [];
    }
  }

  #ended(item: TransferItem): ItemResult {
    const error = this.#refused.get(item);
    if (error !== undefined) return { item, state: 'failed', error };
    return { item, state: 'committed', location: { object: item.object, offset: 0, length: item.bytes } };
  }
}

function stopped(): BwError {
  return new BwError('TRANSFER_ABORTED', { message: 'the transfer was stopped on purpose', retry: 'retry', hint: 'Nothing to do: it is taken up again later.' });
}
