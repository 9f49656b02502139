import type { Logger } from 'pino';
import type { CopyGoal } from '../../../shared/copies/enough.js';
import type { CompleteSlice } from '../../../shared/dar/index.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { sendJobId } from '../../../shared/queues/names.js';
import { priorityOf, type PriorityClass } from '../../../shared/queues/priorities.js';
import { JOB_VERSION, type TransferJob } from '../../../shared/queues/job-data.js';
import type { ShardClaim, StoredItem } from '../../../shared/runs/item-store.js';
import type { MadeSlice } from '../../../shared/runs/shard-result.js';
import type { WorkerContext } from '../../context.js';
import { isSentNow, sendNow } from '../transfer/send-now.js';
import { isTooLate, orderRelease } from '../transfer/transfer-job.js';

export interface SenderOptions {
  readonly backupId: string;
  readonly basepathId: string;
  readonly priorityClass: PriorityClass;
  /** Where they go; absent: every LTS. */
  readonly goal?: CopyGoal;
  /** Of which the slices are, `s0001-t1-abcd`. */
  readonly start: string;
  /** Who must be the one that counts: the same start, or the one that takes over what that left. */
  readonly claim: ShardClaim;
  /** The backup's job: it waits until every transfer is through. */
  readonly parent: { readonly id: string; readonly queue: string };
  /** Throws when this start does not count any more: then nothing of it may be sent. */
  readonly check: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Puts complete slices on record and hands them to this host's transfer queue, as children of the backup job: it
 * is woken when the last of them is verified.
 */
export class SliceSender {
  #held: CompleteSlice[] = [];
  #flushed: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    readonly context: WorkerContext,
    readonly options: SenderOptions,
  ) {}

  /** Keeps small slices back for one job with others; `flush` sends them. */
  hold(slices: readonly CompleteSlice[]): void {
    this.#held.push(...slices);
  }

  /** Another one of the same start, which holds back what may yet be thrown away as a whole. */
  fork(): SliceSender {
    return new SliceSender(this.context, this.options);
  }

  /** Takes over what the other one holds back. */
  adopt(other: SliceSender): void {
    this.hold(other.#held);
    other.#held = [];
  }

  /** One at a time: who waits for its own waits for those before, too. */
  flush(): Promise<void> {
    const flushed = this.#flushed.then(() => this.#flushHeld());
    this.#flushed = flushed.catch(() => undefined); // whoever asked for it gets the rejection
    return flushed;
  }

  /** Sends nothing more. Waits for what is on its way: whoever asked for it, for lack of room, does not. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushed;
  }

  async #flushHeld(): Promise<void> {
    if (this.#isClosed) return;
    const held = this.#held;
    this.#held = [];
    try {
      if (!(await this.#sendNow(held))) await this.send(held);
    } catch (thrown) {
      this.#held.unshift(...held); // not on their way: a later flush sends them
      throw thrown;
    }
  }

  /** A small batch is brought away here and now; what fails is left to a transfer job, which is tried again without making the archives again. */
  async #sendNow(slices: readonly CompleteSlice[]): Promise<boolean> {
    const { backupId, basepathId, check, signal, logger } = this.options;
    const { context } = this;
    const first = slices[0];
    if (first === undefined || !isSentNow(context, slices)) return false;
    await check();
    await this.#share(slices);
    try {
      const sent = await sendNow(context, `${backupId}-${sendJobId(this.objectOf(first))}`, this.#items(slices), signal);
      if (await isTooLate(context, this.options, this.options.start)) return true;
      await check(); // sending took a while
      await this.#add(sent);
      await context.runs.addSent(backupId, [...sent.values()].reduce((sum, { bytes, committed }) => sum + bytes * Object.keys(committed).length, 0));
      if (context.staging.account.isTight) await orderRelease(context, { backupId, basepathId }, [...sent.keys()]);
      return true;
    } catch (thrown) {
      signal.throwIfAborted();
      logger.warn({ err: toBwError(thrown) }, 'small slices could not be sent at once');
      return false;
    }
  }

  async send(slices: readonly CompleteSlice[]): Promise<void> {
    const first = slices[0];
    if (first === undefined) return;
    await this.options.check();
    this.options.signal.throwIfAborted();
    await this.#share(slices);
    const items = this.#items(slices);
    await this.#add(items);
    await this.order([...items.keys()]);
  }

  /** Orders what is on record sent. */
  async order(objects: readonly string[]): Promise<void> {
    const [first] = objects;
    if (first === undefined) return;
    const { backupId, basepathId, priorityClass, parent } = this.options;
    const data: TransferJob = { v: JOB_VERSION, backupId, basepathId, objects: [...objects] };
    await this.context.queues.transfer(this.context.config.host).add('send', data, {
      jobId: sendJobId(first),
      priority: priorityOf(priorityClass, 'shard'),
      parent: { ...parent },
      failParentOnFailure: true,
    });
  }

  #share(slices: readonly CompleteSlice[]): Promise<void> {
    return this.context.staging.shareFiles(slices.map(({ file }) => file));
  }

  /** Throws what `check` throws when the start does not count any more. */
  async #add(items: ReadonlyMap<string, StoredItem>): Promise<void> {
    if (await this.context.items.add(this.options.backupId, this.options.claim, items)) return;
    await this.options.check();
    throw new Error('the start counted again'); // never: a later start has another name
  }

  madeSlice(slice: CompleteSlice): MadeSlice {
    const { number, bytes, sha512 } = slice;
    return { number, name: fileName(slice), object: this.objectOf(slice), bytes, sha512 };
  }

  objectOf(slice: Pick<CompleteSlice, 'file'>): string {
    return `${this.options.basepathId}/${this.options.backupId}/${fileName(slice)}`;
  }

  #items(slices: readonly CompleteSlice[]): Map<string, StoredItem> {
    return new Map(slices.map((slice) => [this.objectOf(slice), this.#item(slice)]));
  }

  #item(slice: CompleteSlice): StoredItem {
    const { goal } = this.options;
    return {
      host: this.context.config.host,
      file: slice.file,
      bytes: slice.bytes,
      sha512: slice.sha512,
      start: this.options.start,
      committed: {},
      ...(goal === undefined ? {} : { goal: { lts: [...goal.lts], toSeal: goal.toSeal } }),
    };
  }
}

function fileName(slice: Pick<CompleteSlice, 'file'>): string {
  return slice.file.slice(slice.file.lastIndexOf('/') + 1);
}
