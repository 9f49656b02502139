import type { BwError } from '../../errors/bw-error.js';
import { withinMs } from '../../signals/within-ms.js';
import { abortedError } from '../posix/fs-errors.js';
import type { Task } from './answers.js';
import type { GlobusClient } from './client.js';
import { deleteDocument, labelOf, transferDocument, type Move, type TransferDocument } from './documents.js';
import { faultError } from './globus-error.js';
import { judgeTask, needsErrors, pauseText, type Judgement } from './judge-task.js';

export interface TasksOptions {
  readonly lts: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Between two looks at a task that is waited for, in the long run: small ones end soon. */
  readonly pollMs: number;
  readonly stuckAfterMs: number;
}

export interface SeenTask extends Judgement {
  readonly task: Task;
}

/** Before the second look, ms; doubled from then on, up to pollMs. */
const FIRST_PAUSE_MS = 250;
const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);
/** A cancel that is not done after this long, ms, is left to itself. */
const CANCEL_MS = 120_000;
/** So is the removal of what nobody needs, which the service goes on with. */
const CLEANUP_MS = 5_000;
/** Paths per delete task. */
const DELETE_AT_ONCE = 5_000;

/** Tasks of the service, from the outside: how they stand, waiting for them, ending them. */
export class Tasks {
  constructor(
    readonly client: GlobusClient,
    readonly options: TasksOptions,
  ) {}

  /** The same for a caller who may give up: every call and wait ends with TRANSFER_ABORTED then. What ends tasks is asked of the one it is made of. */
  during(signal: AbortSignal | undefined): Tasks {
    return signal === undefined ? this : new Tasks(this.client.during(signal), this.options);
  }

  /** null: Globus does not know it any more. A stuck one is cancelled here. */
  async look(taskId: string): Promise<SeenTask | null> {
    const task = await this.client.task(taskId);
    if (task === null) return null;
    const seen = await this.#judge(task);
    if (seen.state !== 'stuck') return seen;
    const ended = await this.#cancel(taskId);
    return ended ?? { ...seen, state: 'stalled' };
  }

  /** Cancels it and waits until it has ended, however; null when it is not known, or does not end for now. */
  async stop(taskId: string): Promise<SeenTask | null> {
    const until = this.options.now() + CANCEL_MS;
    // Who gives up waits for this: a service that does not answer holds nobody up.
    return withinMs(CANCEL_MS, undefined, async (silent) => {
      const tasks = this.during(silent);
      try {
        for (let seen = await tasks.#cancel(taskId); ; seen = await tasks.#read(taskId)) {
          if (seen === null || ENDED.has(seen.state)) return seen;
          if (this.options.now() >= until) return null;
          await this.options.sleep(this.options.pollMs);
        }
      } catch (thrown) {
        if (silent.aborted) throw faultError('io', { lts: this.options.lts, subject: taskId, detail: `no answer to a cancel within ${CANCEL_MS / 1000} s` });
        throw thrown;
      }
    });
  }

  /** Waits for its success. Throws what it failed with. One that needs a person is cancelled: nobody would know that it goes on. An abort cancels it too: TRANSFER_ABORTED. */
  async success(taskId: string, signal?: AbortSignal, until = Infinity): Promise<Task | null> {
    for (let pause = FIRST_PAUSE_MS; this.options.now() < until; pause *= 2) {
      const seen = signal?.aborted === true ? null : await this.during(signal).look(taskId).catch((thrown: unknown) => {
        if (signal?.aborted !== true) throw thrown;
        return null;
      });
      if (signal?.aborted === true) {
        await this.stop(taskId).catch(() => undefined); // the caller has given up, whatever becomes of it
        throw abortedError(taskId);
      }
      if (seen?.state === 'succeeded') return seen.task;
      if (seen?.state === 'paused' || seen?.state === 'needs-operator') await this.stop(taskId);
      if (seen === null || ['failed', 'cancelled', 'paused', 'needs-operator'].includes(seen.state)) throw this.errorOf(seen, taskId);
      await this.options.sleep(Math.min(pause, this.options.pollMs), signal).catch(() => undefined); // the abort is seen above
    }
    return null;
  }

  errorOf(seen: Judgement | null, subject: string): BwError {
    const { lts } = this.options;
    if (seen === null) return faultError('io', { lts, subject, detail: 'Globus does not know this task, or not any more: it keeps them for 30 days' });
    if (seen.state === 'cancelled') return abortedError(subject);
    return faultError(seen.fault ?? 'io', { lts, subject, detail: seen.detail });
  }

  /** Removes files of a collection; those that are not there are no error. `recursive`: directories of ours, with what is in them. */
  async remove(collection: string, paths: readonly string[], recursive = false, until = Infinity): Promise<void> {
    for (let at = 0; at < paths.length; at += DELETE_AT_ONCE) {
      const submissionId = await this.client.submissionId();
      const document = deleteDocument(submissionId, labelOf(submissionId, 'delete'), collection, paths.slice(at, at + DELETE_AT_ONCE), recursive);
      await this.success((await this.client.submit(document)).taskId, undefined, until);
    }
  }

  /** Removes what is left of something: it is not waited for long, and must not hide what went wrong. */
  async cleanUp(collection: string, paths: readonly string[]): Promise<void> {
    const until = this.options.now() + CLEANUP_MS;
    await withinMs(CLEANUP_MS, undefined, (late) => this.during(late).remove(collection, paths, false, until)).catch(() => undefined); // sweepParts takes what stays
  }

  /** A submit that is given up may have been taken all the same: the same id tells which task that is, and it is cancelled, with nobody waiting for that. */
  async submit(document: TransferDocument, signal: AbortSignal | undefined): Promise<{ taskId: string; isNew: boolean }> {
    try {
      return await this.client.during(signal).submit(document);
    } catch (thrown) {
      if (signal?.aborted === true) void this.client.submit(document).then(({ taskId }) => this.client.cancel(taskId)).catch(() => undefined);
      throw thrown;
    }
  }

  /** Moves files and waits for it. Returns the destinations of what was moved; with `onlyDifferent` what is equal is not in there. */
  async transfer(what: string, route: { readonly source: string; readonly destination: string }, moves: readonly Move[], options: { signal?: AbortSignal | undefined; onlyDifferent?: boolean } = {}): Promise<ReadonlySet<string>> {
    const { signal, onlyDifferent = false } = options;
    const client = this.client.during(signal);
    const submissionId = await client.submissionId();
    const document = transferDocument({ submissionId, label: labelOf(submissionId, what), ...route, moves, onlyDifferent });
    const { taskId } = await this.submit(document, signal);
    await this.success(taskId, signal);
    const skipped = await client.skipped(taskId);
    if (skipped.length > 0) throw faultError('io', { lts: this.options.lts, subject: taskId, detail: `left out: ${skipped.slice(0, 5).join('; ')}` });
    const moved = new Set<string>();
    for await (const path of client.successes(taskId)) moved.add(path);
    return moved;
  }

  /** `Canceled` is no proof: the task is read again. */
  async #cancel(taskId: string): Promise<SeenTask | null> {
    await this.client.cancel(taskId);
    return this.#read(taskId);
  }

  async #read(taskId: string): Promise<SeenTask | null> {
    const task = await this.client.task(taskId);
    return task === null ? null : this.#judge(task);
  }

  async #judge(task: Task): Promise<SeenTask> {
    const { now, stuckAfterMs } = this.options;
    const errors = needsErrors(task) ? await this.client.errors(task.task_id) : [];
    const judged = judgeTask(task, errors, { now: now(), stuckAfterMs });
    if (judged.state !== 'paused') return { ...judged, task };
    return { ...judged, task, detail: pauseText(await this.client.pauseInfo(task.task_id)) };
  }
}
