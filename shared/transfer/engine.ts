import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectLocation } from '../catalog/manifest.js';
import { mapLimited } from '../catalog/map-limited.js';
import { BwError, toBwError } from '../errors/bw-error.js';
import type { TransferBackend, TransferHandle, TransferItem, TransferProgress, TransferStatus } from './backend.js';
import { moveItem, type ItemState } from './states.js';

export { materialise, type MaterialiseItem, type MaterialiseRequest } from './materialise.js';

/** How often an async backend is asked; hours-long transfers make more pointless, and services meter requests. */
const POLL_MS = 5_000;

/**
 * Small files wait for round trips and fsyncs rather than for bytes, and those that end together share one fsync of their directory: 1,000 of 64 KiB on
 * tmpfs take 0.36 s by fours and 0.24 s by sixteens. Of batches there are few: each is a program of its own.
 */
const SMALL_BYTES = 1024 * 1024;
const SMALL_AT_ONCE = 16;
const SMALL_BATCHES_AT_ONCE = 4;

export interface SendRequest {
  readonly backend: TransferBackend;
  readonly items: readonly TransferItem[];
  /** On record before this call, so that the same key is used after a crash. */
  readonly key: string;
  /** The key may have been submitted before: ask the backend what is left of that first. */
  readonly resume?: boolean;
  /** Submits under way together, for a backend that works inside submit. Default: some where all are small, else 1, so that what comes first is proven first. */
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly onState?: (item: TransferItem, state: ItemState) => void;
  /** Called once per item, as soon as its bytes are proven to be there. If it fails, so does the item (sending again is harmless). */
  readonly onCommitted?: (item: TransferItem, location: ObjectLocation) => Promise<void> | void;
  /** Resolves after ms, rejects on abort. Default: a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface ItemResult {
  readonly item: TransferItem;
  /** committed, failed or cancelled. */
  readonly state: ItemState;
  /** Set when committed. */
  readonly location?: ObjectLocation;
  /** Set otherwise; its `retry` says what to do. */
  readonly error?: BwError;
}

/**
 * Brings items to one LTS and proves each. Never rejects for an item: results are in the order of items, and a failed one
 * does not stop the others. After an abort the remaining ones are `cancelled` (TRANSFER_ABORTED).
 */
export async function sendItems(request: SendRequest): Promise<ItemResult[]> {
  const { backend, items } = request;
  const { async, batch = { items: 1, bytes: 0 } } = backend.capabilities();
  // A backend that works inside submit gets few at a time, so that each is committed, and its staging given back, soon after it is there.
  const batches = async ? [items] : inBatches(items, batch);
  const smallAtOnce = batch.items === 1 ? SMALL_AT_ONCE : SMALL_BATCHES_AT_ONCE;
  const atOnce = request.atOnce ?? (items.every(({ bytes }) => bytes <= SMALL_BYTES) ? smallAtOnce : 1);
  return (await mapLimited(batches, atOnce, (batch) => new Batch(request, batch).send())).flat();
}

/** Neighbours together, up to so many items and bytes; one that is bigger by itself is alone (pure). */
export function inBatches(items: readonly TransferItem[], most: { readonly items: number; readonly bytes: number }): TransferItem[][] {
  const batches: TransferItem[][] = [];
  let bytes = 0;
  for (const item of items) {
    const last = batches.at(-1);
    bytes += item.bytes;
    if (last !== undefined && last.length < most.items && bytes <= most.bytes) last.push(item);
    else {
      batches.push([item]);
      bytes = item.bytes;
    }
  }
  return batches;
}

/** Items that are submitted together, and where each of them is. */
class Batch {
  readonly #states = new Map<string, ItemState>();
  /** After the batch failed, the storage could not even be asked what is there: of a thousand items each would wait for that. */
  #unreachable = false;

  constructor(
    readonly request: SendRequest,
    readonly items: readonly TransferItem[],
  ) {
    for (const item of items) this.#states.set(item.object, 'planned');
  }

  async send(): Promise<ItemResult[]> {
    for (const item of this.items) this.#move(item, 'keyed');
    let failure: BwError | null = null;
    let proven: ReadonlySet<string> | null = null;
    try {
      if (this.request.signal?.aborted === true) throw stopped();
      const status = await this.#transfer();
      if (status.state !== 'sent') failure = failureOf(status);
      if (status.proven !== undefined) proven = new Set(status.proven);
    } catch (thrown) {
      failure = toBwError(thrown);
    }
    const results: ItemResult[] = [];
    for (const item of this.items) results.push(await this.#settle(item, failure, proven));
    return results;
  }

  async #transfer(): Promise<TransferStatus> {
    const { backend, key } = this.request;
    for (const item of this.items) this.#move(item, 'submitted');
    const left = this.request.resume === true ? await backend.reconcile(key, this.items) : null;
    return this.#wait(left ?? (await backend.submit(key, this.items, this.#options())));
  }

  /** Until the backend is done with it, gives up or needs a person; an abort cancels it there too. */
  async #wait(handle: TransferHandle): Promise<TransferStatus> {
    const { backend, signal, sleep = timer } = this.request;
    try {
      for (;;) {
        const status = await backend.poll(handle, this.items, signal);
        if (['sent', 'failed', 'cancelled', 'needs-operator'].includes(status.state)) return status;
        await sleep(POLL_MS, signal);
      }
    } catch (thrown) {
      if (signal?.aborted !== true) throw thrown;
      await backend.cancel(handle, this.items);
      throw stopped();
    }
  }

  /** `proven`: what the backend itself says is there of a batch that failed. */
  async #settle(item: TransferItem, failed: BwError | null, proven: ReadonlySet<string> | null): Promise<ItemResult> {
    const failure = proven?.has(item.object) === true ? null : failed;
    try {
      // Of a batch that failed as a whole, single items may be there all the same.
      if (failure !== null && (proven !== null || this.items.length === 1 || this.#unreachable || failure.code === 'TRANSFER_ABORTED')) throw failure;
      if (failure === null) this.#move(item, 'sent');
      this.#move(item, 'verifying');
      await this.#prove(item, failure);
      const location = { object: item.object, offset: 0, length: item.bytes };
      await this.request.onCommitted?.(item, location);
      return { item, state: this.#move(item, 'committed'), location };
    } catch (thrown) {
      const error = toBwError(thrown);
      const state = this.#move(item, error.code === 'TRANSFER_ABORTED' ? 'cancelled' : 'failed');
      return { item, state, error };
    }
  }

  async #prove(item: TransferItem, failure: BwError | null): Promise<void> {
    const { backend } = this.request;
    if (failure === null && backend.capabilities().verifiedWhenSent === true) return;
    const verdict = await backend.verify(item, this.request.signal === undefined ? {} : { signal: this.request.signal }).catch((thrown: unknown) => {
      this.#unreachable = failure !== null;
      throw thrown;
    });
    if (verdict !== 'match') throw failure ?? notProven(item, verdict);
  }

  #options() {
    const { signal, onProgress } = this.request;
    return { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };
  }

  #move(item: TransferItem, to: ItemState): ItemState {
    const state = moveItem(this.#states.get(item.object) ?? 'planned', to, item.object);
    this.#states.set(item.object, state);
    this.request.onState?.(item, state);
    return state;
  }
}

async function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
}

function failureOf(status: TransferStatus): BwError {
  if (status.error !== undefined) return status.error;
  return status.state === 'cancelled' ? stopped() : new BwError('TRANSFER_FAILED', {
    message: `the transfer ended as ${status.state} without a reason`,
    retry: status.state === 'needs-operator' ? 'operator' : 'retry',
    hint: "Look at the transfer in the backend's own interface.",
  });
}

function stopped(): BwError {
  return new BwError('TRANSFER_ABORTED', {
    message: 'the transfer was stopped on purpose',
    retry: 'retry',
    hint: 'Nothing to do: it is taken up again later.',
  });
}

function notProven(item: TransferItem, verdict: string): BwError {
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'the backend says it is done, but the object is not what was sent',
    retry: 'retry',
    subject: item.object,
    hint: 'It is sent again. If it happens more than once, check the storage and the way to it.',
    detail: `verify: ${verdict}`,
  });
}
