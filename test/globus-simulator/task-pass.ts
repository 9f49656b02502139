import { lstatSync, rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { isAbsolute, relative } from 'node:path';
import type { Context } from './context.js';
import { MoveError, moveError, moveItem, refuse } from './move-item.js';
import { localFile } from './paths.js';
import { isOpen, type FatalError, type ItemChange, type ItemRecord, type TaskRecord } from './records.js';

/** Items between two looks at what else the process has to do, and between two lines of the log. */
const BATCH = 50;

export interface PassEnd {
  readonly fatal: FatalError | null;
  readonly moved: number;
}

/** Tries every open item of a task once, as long as goOn says so. What failed is open again, as `retrying`. Never rejects for an item. */
export class TaskPass {
  #changes: ItemChange[] = [];
  #bytes = 0;
  #checksummed = 0;
  #moved = 0;
  #fatal: FatalError | null = null;
  /** Of one code, one event per pass: the service says it again and again too, but ten thousand lines help nobody. */
  readonly #said = new Set<string>();

  constructor(
    readonly context: Context,
    readonly task: TaskRecord,
    readonly goOn: () => boolean,
  ) {}

  async run(): Promise<PassEnd> {
    const { task } = this;
    for (let index = 0; index < task.items.length && this.#fatal === null; index++) {
      const item = task.items[index];
      if (item === undefined || !isOpen(item)) continue;
      if (!this.goOn()) break;
      try {
        await this.#do(item, index);
      } catch (thrown) {
        this.#failed(item, index, moveError(thrown));
      }
      if (this.#changes.length >= BATCH) {
        this.#flush();
        await turn();
      }
    }
    this.#flush();
    return { fatal: this.#fatal, moved: this.#moved };
  }

  async #do(item: ItemRecord, index: number): Promise<void> {
    if (this.task.type === 'DELETE') {
      deleteItem(this.context, this.task, item);
      this.#changes.push([index, 'succeeded', 0, null]);
      return;
    }
    const moved = await moveItem(this.context, this.task, item, this.goOn);
    this.#bytes += moved.bytes;
    this.#checksummed += moved.checksummed;
    if (moved.state === 'stopped') return;
    this.#moved++;
    this.#changes.push([index, moved.state, moved.size, moved.sum]);
    if (moved.more === undefined) return;
    this.context.store.commit({ t: 'more', id: this.task.id, items: moved.more });
    this.context.set(this.task, { directories: this.task.directories + 1 });
  }

  #failed(item: ItemRecord, index: number, error: MoveError): void {
    const { context, task } = this;
    if (task.flags.skipSourceErrors && error.side === 'source' && ['FILE_NOT_FOUND', 'PERMISSION_DENIED'].includes(error.code)) {
      context.store.commit({ t: 'skip', id: task.id, skipped: { item: index, code: error.code, details: error.message, time: context.now() } });
      this.#changes.push([index, 'skipped-error', 0, null]);
      return;
    }
    const fatal = error.fatal || (error.code === 'QUOTA_EXCEEDED' && task.flags.failOnQuotaErrors);
    this.#changes.push([index, fatal ? 'failed' : 'retrying', item.size, null]);
    if (!this.#said.has(error.code)) context.event(task, error.code, error.message, true);
    this.#said.add(error.code);
    context.set(task, { faults: task.faults + 1, lastError: error.code });
    if (fatal) this.#fatal = { code: error.code, description: error.message };
  }

  #flush(): void {
    const { context, task } = this;
    if (this.#changes.length > 0) context.store.commit({ t: 'items', id: task.id, changes: this.#changes });
    if (this.#bytes > 0) {
      context.set(task, { bytesTransferred: task.bytesTransferred + this.#bytes, bytesChecksummed: task.bytesChecksummed + this.#checksummed });
    }
    this.#changes = [];
    this.#bytes = this.#checksummed = 0;
  }
}

function deleteItem(context: Context, task: TaskRecord, item: ItemRecord): void {
  const collection = context.collection(task.source);
  refuse(context, collection.id, item.source, 'destination');
  const file = localFile(collection, item.source);
  const below = relative(collection.dir, file);
  if (below === '' || below.startsWith('..') || isAbsolute(below)) throw new MoveError('PERMISSION_DENIED', 'destination', 'the root of a collection is not deleted');
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) {
    if (task.flags.ignoreMissing) return;
    throw new MoveError('FILE_NOT_FOUND', 'destination', `${item.source}: no such file or directory`);
  }
  if (stat.isDirectory() && !task.flags.recursive) throw new MoveError('IS_A_DIRECTORY', 'destination', `${item.source} is a directory`, true);
  rmSync(file, { recursive: true });
}
