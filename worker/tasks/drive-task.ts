import type { Logger } from 'pino';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import { isSubmitHopeless, stateOf, whyCancel } from '../../shared/tasks/decide-task.js';
import { storedError, taskName, type OutboxItem, type TaskRecord } from '../../shared/tasks/task-record.js';
import type { TransferHandle, TransferStatus } from '../../shared/transfer/backend.js';
import { closeTask, settleTask, toTransferItem, type SettleParts, type TaskEnd } from './settle-task.js';

export interface DriveParts extends SettleParts {
  readonly logger: Logger;
  /** By the clock of Redis, or close to it. */
  readonly nowMs: () => number;
  /** Told of every call outside that failed, and of what the service reports. */
  readonly onTrouble: (task: TaskRecord, error: BwError) => Promise<void>;
}

export interface Circumstances {
  /** This process has just put it on record: nobody outside can know of its key. */
  readonly isNew: boolean;
  readonly hostIsGone: boolean;
  /** Who wishes it cancelled, or null. */
  readonly cancelledBy: string | null;
}

/**
 * One step in the life of a task, whoever began it: submit under the key on record, or ask how it is, or settle it. Everything is on record before and
 * after, so that a step that was cut off is done again by whoever holds the task next, with the same key: for the service it is one task.
 */
export async function driveTask(parts: DriveParts, task: TaskRecord, circumstances: Circumstances): Promise<void> {
  const items = await parts.store.items(task.id);
  try {
    if (task.handle === null) await submit(parts, task, items, circumstances);
    else await look(parts, task, items, task.handle, circumstances);
  } catch (thrown) {
    await noteTrouble(parts, task, toBwError(thrown));
  }
}

async function submit(parts: DriveParts, task: TaskRecord, items: readonly OutboxItem[], { isNew, hostIsGone, cancelledBy }: Circumstances): Promise<void> {
  const { backend, store, self, logger, nowMs } = parts;
  const toSend = items.map(toTransferItem);
  try {
    const left = isNew ? null : await backend.reconcile(task.key, toSend);
    if (left === null && hostIsGone) {
      logger.warn({ task: task.id, lts: task.lts, host: task.host }, 'a task that was never submitted is given up: its host is gone');
      await closeTask(parts, task, items, new Map());
      return;
    }
    if (left === null && cancelledBy !== null) {
      logger.warn({ task: task.id, lts: task.lts, by: cancelledBy }, 'a task that was never submitted is cancelled: its files go with another');
      await closeTask(parts, task, items, new Map((await parts.wanted(task, items)).map(({ object }) => [object, { kind: 'again' }])));
      return;
    }
    const handle = left ?? (await backend.submit(task.key, toSend));
    const submitted: TaskRecord = { ...task, handle, url: backend.taskUrl?.(handle) ?? null, state: 'submitted', seenMs: nowMs(), error: null, failures: 0 };
    await store.note(submitted, self);
    logger.info({ task: task.id, lts: task.lts, name: taskName(submitted), items: items.length, bytes: task.bytes, backups: task.backups.length, adopted: left !== null }, 'task submitted');
  } catch (thrown) {
    const error = toBwError(thrown);
    if (!isSubmitHopeless(error, task.failures + 1) || !(await isNotThere(parts, task, items))) throw thrown;
    await parts.onTrouble(task, error);
    await settleTask(parts, task, items, { state: 'failed', error, proven: [], isWished: cancelledBy !== null });
  }
}

/** Only what the service surely does not have may be submitted under another key. */
async function isNotThere({ backend }: DriveParts, task: TaskRecord, items: readonly OutboxItem[]): Promise<boolean> {
  return backend.reconcile(task.key, items.map(toTransferItem)).then((handle) => handle === null, () => false);
}

async function look(parts: DriveParts, task: TaskRecord, items: readonly OutboxItem[], handle: TransferHandle, { hostIsGone, cancelledBy }: Circumstances): Promise<void> {
  const { backend, store, self } = parts;
  const isWished = cancelledBy !== null;
  const status = await statusOf(parts, task, items, handle, isWished);
  const state = stateOf(status);
  if (state === null) {
    const ended: TaskRecord = { ...seen(parts, task, status), state: 'verifying' };
    if (!(await store.note(ended, self))) return;
    // What it did not bring is made again elsewhere.
    const own = hostIsGone ? { ...parts, wanted: () => Promise.resolve([]) } : parts;
    await settle(own, ended, items, { state: status.state as TaskEnd['state'], error: status.error ?? null, proven: status.proven, isWished });
    return;
  }
  const going: TaskRecord = { ...seen(parts, task, status), state };
  if (!(await store.note(going, self))) return;
  if (status.error !== undefined && status.error.code !== task.error?.code) await parts.onTrouble(going, status.error);
  const hasError = status.error !== undefined;
  const unwanted = hasError ? items.length - (await parts.wanted(task, items)).length : 0;
  const why = whyCancel({ state, hasError, unwanted, hostIsGone, isWished });
  if (why === null) return;
  parts.logger.warn({ task: task.id, name: taskName(task), why, by: cancelledBy ?? undefined, unwanted }, 'task cancelled: what it has not brought is sent again');
  await backend.cancel(handle, items.map(toTransferItem), { keepMoved: true }); // the next look sees what came of it
}

/**
 * A service that says no whenever it is asked (permission to rename is gone, with the task over) would keep the task on record for ever: one that an operator wishes
 * cancelled is ended there, and counts as having brought nothing. What it brought all the same is found by the next task. Throws what poll or cancel throws.
 */
async function statusOf({ backend, logger }: DriveParts, task: TaskRecord, items: readonly OutboxItem[], handle: TransferHandle, isWished: boolean): Promise<TransferStatus> {
  const sent = items.map(toTransferItem);
  try {
    return await backend.poll(handle, sent);
  } catch (thrown) {
    const error = toBwError(thrown);
    if (!isWished || error.retry === 'retry') throw error;
    await backend.cancel(handle, sent); // harmless when it is over
    logger.warn({ err: error, task: task.id, lts: task.lts, name: taskName(task) }, 'task cancelled without knowing what it has brought: all of it is sent again');
    return { state: 'cancelled', bytes: task.doneBytes, files: task.doneItems, proven: [] };
  }
}

async function settle(parts: DriveParts, task: TaskRecord, items: readonly OutboxItem[], end: TaskEnd): Promise<void> {
  const { logger, nowMs } = parts;
  if (end.error !== null) await parts.onTrouble(task, end.error);
  if (!(await settleTask(parts, task, items, end))) return;
  const ms = nowMs() - task.createdMs;
  logger.info({ task: task.id, lts: task.lts, name: taskName(task), ended: end.state, code: end.error?.code, ms }, 'task settled');
}

function seen({ nowMs }: DriveParts, task: TaskRecord, { bytes, files, error }: TransferStatus): TaskRecord {
  const now = nowMs();
  const ms = now - task.seenMs;
  const rate = task.seenMs === 0 || ms <= 0 ? 0 : Math.max(0, ((bytes - task.doneBytes) / ms) * 1000);
  const movedMs = bytes > task.doneBytes || files > task.doneItems ? now : task.movedMs;
  return { ...task, doneBytes: bytes, doneItems: files, rate, seenMs: now, movedMs, error: error === undefined ? null : storedError(error), failures: 0 };
}

async function noteTrouble(parts: DriveParts, task: TaskRecord, error: BwError): Promise<void> {
  const { store, self, logger } = parts;
  logger.warn({ err: error, task: task.id, lts: task.lts, name: taskName(task) }, 'task not looked after: again later, with the same key');
  await store.note({ ...task, error: storedError(error), failures: task.failures + 1 }, self);
  await parts.onTrouble(task, error);
}
