import { lstat } from 'node:fs/promises';
import { mapLimited } from '../../catalog/map-limited.js';
import { BwError } from '../../errors/bw-error.js';
import type { TransferHandle, TransferItem, TransferOptions, TransferStatus } from '../backend.js';
import { assertObjectName, PART_MARK, partTag } from '../object-name.js';
import { isSourceIntact, sourceCorrupt } from '../posix/copy-into.js';
import { abortedError, errnoOf, sourceError, throwIfAborted } from '../posix/fs-errors.js';
import type { Task } from './answers.js';
import { uuid } from './answers.js';
import { answerOf } from './client.js';
import { labelOf, transferDocument } from './documents.js';
import { faultError } from './globus-error.js';
import { parseHandle, serialise, type SendHandle } from './handle.js';
import { joinPath, mapFile } from './path-map.js';
import type { Place } from './place.js';
import { publish, type Published } from './publish.js';
import { copyUnseen, removeCopies, sentFrom } from './scratch.js';
import type { SeenTask, Tasks } from './tasks.js';

/** Local files looked at together. */
const STATS_AT_ONCE = 16;
/** A poll that publishes comes back after this long, ms, so that nobody waits for one transfer while others end. */
const PUBLISH_MS = 60_000;
/** Sources that are hashed to tell whose fault a checksum is. */
const HASHED_AT_MOST = 8;

interface Known {
  readonly items: readonly TransferItem[];
  readonly options: TransferOptions;
  told: boolean;
}

/**
 * Sends items as one task: to parts beside the final names, each with the checksum it must have; a part gets its name when the task has ended and says
 * that it was moved. So what has a name is complete, and nothing is ever overwritten.
 */
export class Sender {
  /** What this process submitted, by key: for progress, and to name items. Another process does without. */
  readonly #known = new Map<string, Known>();
  readonly #submitting = new Map<string, Promise<string>>();
  /** Of ended tasks, as their names are given in several polls. */
  readonly #moved = new Map<string, readonly string[]>();
  readonly #polling = new Map<string, Promise<TransferStatus>>();

  constructor(private readonly place: Place) {}

  async submit(key: string, items: readonly TransferItem[], options: TransferOptions): Promise<TransferHandle> {
    for (const item of items) assertObjectName(item.object);
    throwIfAborted(options.signal, items[0]?.object ?? key);
    const refusals = await mapLimited(items, STATS_AT_ONCE, sourceFault);
    const fit = items.filter((_, index) => refusals[index] === null);
    const refused = refusals.find((each) => each !== null) ?? null;
    if (fit.length === 0) throw refused ?? new BwError('GLOBUS_REFUSED', { message: 'there is nothing to send', retry: 'permanent', hint: 'This is a fault in bw-bkup: report it.' });
    // Of putters under one key, one submits.
    const submitting = this.#submitting.get(key) ?? this.#start(key, fit, options.signal).finally(() => this.#submitting.delete(key));
    this.#submitting.set(key, submitting);
    const taskId = await submitting;
    this.#known.set(key, { items: fit, options, told: false });
    return serialise({ key, task: taskId, files: fit.length, bytes: sumOf(fit), refused });
  }

  /** Of one transfer one at a time: two that publish would get into each other's way. */
  poll(raw: TransferHandle, items?: readonly TransferItem[], signal?: AbortSignal): Promise<TransferStatus> {
    const handle = parseHandle(raw);
    const polling = this.#polling.get(handle.task) ?? this.#poll(this.place.tasks.during(signal), handle, items).finally(() => this.#polling.delete(handle.task));
    this.#polling.set(handle.task, polling);
    return polling;
  }

  /** Whatever the answer, it is read again until it has ended; then nothing of it is left but what has its name, or, with `keepMoved`, what poll gives one. */
  async cancel(raw: TransferHandle, items?: readonly TransferItem[], { keepMoved = false }: { readonly keepMoved?: boolean } = {}): Promise<void> {
    const handle = parseHandle(raw);
    await this.place.tasks.stop(handle.task);
    if (keepMoved) return;
    await this.#removeParts(handle, this.#itemsOf(handle, items));
  }

  /** Also one that has ended: poll says how, as long as Globus knows it. */
  async reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
    const task = await this.#find(key, 'ACTIVE,INACTIVE,SUCCEEDED');
    if (task === null) return null;
    return serialise({ key, task: task.task_id, files: items.length, bytes: sumOf(items), refused: null });
  }

  async #poll(tasks: Tasks, handle: SendHandle, given: readonly TransferItem[] | undefined): Promise<TransferStatus> {
    const items = this.#itemsOf(handle, given);
    const seen = await tasks.look(handle.task);
    if (seen === null) return this.#failed(handle, tasks.errorOf(null, handle.task), items, null);
    const progress = { bytes: seen.task.bytes_transferred, files: seen.task.files_transferred ?? 0 };
    switch (seen.state) {
      case 'succeeded':
      case 'failed':
        return this.#conclude(tasks, handle, seen, items);
      case 'cancelled':
        return this.#cancelled(tasks, handle, seen, items);
      case 'stuck':
        return { ...progress, state: 'stalled', error: tasks.errorOf(seen, handle.task) };
      default:
        return { ...progress, state: seen.state, ...(seen.fault === undefined ? {} : { error: tasks.errorOf(seen, handle.task) }) };
    }
  }

  /** The task has ended: names for what it brought, and an answer. */
  async #conclude(tasks: Tasks, handle: SendHandle, seen: SeenTask, items: readonly TransferItem[] | null): Promise<TransferStatus> {
    const failure = seen.state === 'failed' ? await this.#reasonOf(handle, seen, items) : await this.#leftOut(tasks, handle, seen);
    if (await this.#tellProgress(handle, failure)) {
      await this.cancel(serialise(handle), items ?? undefined);
      return { state: 'cancelled', bytes: 0, files: 0, error: abortedError(handle.key), ...(items === null ? {} : { proven: [] }) };
    }
    const published = await this.#publish(tasks, handle, seen, items);
    const bytes = [...published.done.values()].reduce((sum, each) => sum + each, 0);
    if (published.isUnfinished) return { state: 'running', bytes: seen.task.bytes_transferred, files: published.done.size };
    const error = failure ?? this.#wrong(handle, published, bytes) ?? handle.refused;
    if (error !== null) return this.#failed(handle, error, items, published);
    this.#known.delete(handle.key);
    if (items !== null) await removeCopies(this.place, items);
    return { state: 'sent', bytes, files: published.done.size };
  }

  /** What it had moved whole by then is kept, unless that went with its cancelling. */
  async #cancelled(tasks: Tasks, handle: SendHandle, seen: SeenTask, items: readonly TransferItem[] | null): Promise<TransferStatus> {
    const published = items === null ? null : await this.#publish(tasks, handle, seen, items);
    if (published?.isUnfinished === true) return { state: 'running', bytes: seen.task.bytes_transferred, files: published.done.size };
    return { ...(await this.#failed(handle, abortedError(handle.task), items, published)), state: 'cancelled' };
  }

  async #publish(tasks: Tasks, handle: SendHandle, seen: SeenTask, items: readonly TransferItem[] | null): Promise<Published> {
    const { collection, dir } = this.place;
    const suffix = suffixOf(handle.key);
    const objects = this.#moved.get(handle.task) ?? (seen.task.history_deleted ? [] : await this.#movedBy(tasks, handle.task, suffix));
    this.#moved.set(handle.task, objects);
    const bytesOf = items === null ? null : new Map(items.map(({ object, bytes }) => [object, bytes]));
    const published = await publish({ tasks, collection, dir, objects, suffix, bytesOf, until: tasks.options.now() + PUBLISH_MS });
    if (!published.isUnfinished) this.#moved.delete(handle.task);
    return published;
  }

  async #movedBy(tasks: Tasks, taskId: string, suffix: string): Promise<readonly string[]> {
    const moved: string[] = [];
    for await (const path of tasks.client.successes(taskId)) {
      const object = this.#objectOf(path, suffix);
      if (object !== null) moved.push(object);
    }
    return moved;
  }

  /** What is wrong although the task says it succeeded: null = nothing. */
  #wrong(handle: SendHandle, { done, taken, wrong }: Published, bytes: number): BwError | null {
    const { lts } = this.place;
    const [exists] = taken;
    if (exists !== undefined) return faultError('exists', { lts, subject: exists });
    const [first] = wrong;
    if (first !== undefined) return faultError('mismatch', { lts, subject: first[0], detail: first[1] });
    if (done.size === handle.files && bytes === handle.bytes) return null;
    return faultError('mismatch', { lts, subject: handle.task, detail: `${handle.files} files of ${handle.bytes} bytes were sent, ${done.size} of ${bytes} bytes are there` });
  }

  async #leftOut(tasks: Tasks, handle: SendHandle, seen: SeenTask): Promise<BwError | null> {
    const { lts } = this.place;
    if (seen.task.history_deleted) return faultError('io', { lts, subject: handle.task, detail: 'Globus has deleted the history of this task (it keeps it for 30 days), so what it moved cannot be told' });
    const skipped = await tasks.client.skipped(handle.task);
    return skipped.length === 0 ? null : faultError('io', { lts, subject: handle.task, detail: `left out: ${skipped.slice(0, 5).join('; ')}` });
  }

  /** A checksum or a file that is not found may be the fault of staging: that is looked into, where the items are known. */
  async #reasonOf(handle: SendHandle, seen: SeenTask, items: readonly TransferItem[] | null): Promise<BwError> {
    const error = this.place.tasks.errorOf(seen, handle.task);
    if (!['mismatch', 'path'].includes(seen.fault ?? '') || items === null) return error;
    const suspects = [...items].sort((a, b) => mentions(seen.detail, b) - mentions(seen.detail, a));
    for (const [index, item] of suspects.entries()) {
      const fault = await sourceFault(item);
      if (fault !== null) return fault;
      if (seen.fault === 'mismatch' && index < HASHED_AT_MOST && !(await isSourceIntact(item, undefined))) return sourceCorrupt(item, 'other content');
    }
    return error;
  }

  async #failed(handle: SendHandle, error: BwError, items: readonly TransferItem[] | null, published: Published | null): Promise<TransferStatus> {
    const done = published?.done ?? new Map<string, number>();
    await this.#removeParts(handle, items);
    this.#known.delete(handle.key);
    const bytes = [...done.values()].reduce((sum, each) => sum + each, 0);
    return { state: 'failed', bytes, files: done.size, error, ...(items === null ? {} : { proven: [...done.keys()] }) };
  }

  /** Once, when the bytes are there. True when that, or anything before, made the caller give up. */
  async #tellProgress({ key }: SendHandle, failure: BwError | null): Promise<boolean> {
    const known = this.#known.get(key);
    if (known === undefined || failure !== null) return false;
    if (!known.told) for (const { object, bytes } of known.items) known.options.onProgress?.({ object, bytes });
    known.told = true;
    await Promise.resolve(); // whoever was told may abort
    return known.options.signal?.aborted === true;
  }

  /** What is left of it goes at once where the items are known; else sweepParts takes it. */
  async #removeParts({ key }: SendHandle, items: readonly TransferItem[] | null): Promise<void> {
    if (items === null) return;
    await removeCopies(this.place, items);
    const paths = items.map(({ object }) => joinPath(this.place.dir, `${object}${suffixOf(key)}`));
    await this.place.tasks.cleanUp(this.place.collection, paths);
  }

  #itemsOf({ key }: SendHandle, given: readonly TransferItem[] | undefined): readonly TransferItem[] | null {
    return given ?? this.#known.get(key)?.items ?? null;
  }

  #objectOf(path: string, suffix: string): string | null {
    const prefix = this.place.dir.replace(/\/*$/, '/');
    return path.startsWith(prefix) && path.endsWith(suffix) ? path.slice(prefix.length, -suffix.length) : null;
  }

  /** Submits under the key if it is a submission id. Any other key, or one that is used up by a task that failed, is found by its label. */
  async #start(key: string, items: readonly TransferItem[], signal: AbortSignal | undefined): Promise<string> {
    const { client } = this.place.tasks.during(signal);
    await copyUnseen(this.place, items);
    if (uuid.safeParse(key).success) {
      const posted = await this.#post(key, key, items, signal);
      if (posted !== null && (posted.isNew || (await client.task(posted.taskId))?.status !== 'FAILED')) return posted.taskId;
    }
    const live = await this.#find(key, 'ACTIVE,INACTIVE', client);
    if (live !== null) return live.task_id;
    const posted = await this.#post(await client.submissionId(), key, items, signal);
    if (posted !== null) return posted.taskId;
    throw faultError('busy', { lts: this.place.lts, subject: key, detail: 'a transfer with identical paths has not yet completed, and it is none of ours' });
  }

  /** null: refused for identical paths, and no live task has our label. */
  async #post(submissionId: string, key: string, items: readonly TransferItem[], signal: AbortSignal | undefined): Promise<{ taskId: string; isNew: boolean } | null> {
    const { tasks } = this.place;
    try {
      return await tasks.submit(this.#document(submissionId, key, items), signal);
    } catch (thrown) {
      const answer = answerOf(thrown);
      if (answer?.status !== 409 || answer.code !== 'Conflict') throw thrown;
      const live = await this.#find(key, 'ACTIVE,INACTIVE');
      return live === null ? null : { taskId: live.task_id, isNew: false };
    }
  }

  #document(submissionId: string, key: string, items: readonly TransferItem[]) {
    const { sources, host, lts, collection, dir } = this.place;
    const moves = items.map((item) => {
      const mapped = mapFile(sources, host, sentFrom(this.place, item), lts);
      return { collection: mapped.collection, from: mapped.path, to: joinPath(dir, `${item.object}${suffixOf(key)}`), sha512: item.sha512 };
    });
    const source = moves[0]?.collection ?? '';
    const other = moves.find((move) => move.collection !== source);
    if (other !== undefined) throw faultError('refused', { lts, subject: other.from, detail: 'the files of one transfer lie in more than one source collection' });
    return transferDocument({ submissionId, label: labelOf(key, 'send'), source, destination: collection, moves });
  }

  /** The newest task under this key. */
  async #find(key: string, status: string, client = this.place.tasks.client): Promise<Task | null> {
    const label = labelOf(key, 'send');
    for await (const task of client.tasks(`type:TRANSFER/status:${status}`)) if (task.label === label) return task;
    return null;
  }
}

function suffixOf(key: string): string {
  return `${PART_MARK}${partTag(key)}`;
}

function sumOf(items: readonly TransferItem[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}

function mentions(detail: string | undefined, { object, file }: TransferItem): number {
  return detail?.includes(object) === true || detail?.includes(file) === true ? 1 : 0;
}

/** Whether the file is there in its size: Globus would look for it until the deadline. */
async function sourceFault(item: TransferItem): Promise<BwError | null> {
  try {
    const stats = await lstat(item.file);
    return stats.isFile() && stats.size === item.bytes ? null : sourceCorrupt(item, `${stats.size} bytes`);
  } catch (thrown) {
    if (errnoOf(thrown) === '') throw thrown;
    return sourceError(thrown, item.file);
  }
}
