import { ApiError, badRequest, noTask } from './api-error.js';
import type { Caller } from './auth.js';
import type { Context } from './context.js';
import { isFinished, type TaskRecord } from './records.js';
import type { Scheduler } from './scheduler.js';
import { deadlineOf } from './submit.js';
import { eventDocument, historyDeleted, skippedDocument, successDocument, taskDocument } from './task-document.js';
import { ordered, taskFilter } from './task-filter.js';

/** "Very old" task ids are not found any more; how old is not known. */
const FORGOTTEN_MS = 180 * 86_400_000;

export interface Call {
  readonly caller: Caller;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** What the path names, in order. */
  readonly ids: readonly string[];
}

/** The resources below /task and /task_list. */
export class TaskApi {
  constructor(
    readonly context: Context,
    readonly scheduler: Scheduler,
  ) {}

  get(call: Call): Record<string, unknown> {
    return withFields(this.#document(this.#task(call)), call.query.get('fields'));
  }

  list({ caller, query }: Call): Record<string, unknown> {
    const filters = query.getAll('filter').map(taskFilter);
    const mine = [...this.context.store.tasks.values()].filter((task) => task.owner === caller.client && !this.#forgotten(task));
    const found = ordered(mine.filter((task) => filters.every((filter) => filter(task))), query.get('orderby') ?? '');
    const page = offsetPage(found, query);
    const DATA = page.part.map((task) => withFields(this.#document(task), query.get('fields')));
    return { DATA_TYPE: 'task_list', DATA, ...page.place };
  }

  update(call: Call): Record<string, unknown> {
    const task = this.#task(call);
    if (isFinished(task)) throw new ApiError(409, 'Conflict', 'Completed tasks can not be updated');
    const { label, deadline, ...other } = call.body as { label?: string; deadline?: string; DATA_TYPE?: string };
    if (Object.keys(other).some((key) => key !== 'DATA_TYPE')) throw badRequest('only label and deadline can be changed');
    this.context.set(task, { ...(label === undefined ? {} : { label }), ...(deadline === undefined ? {} : deadlineOf(deadline, this.context.now())) });
    return { DATA_TYPE: 'result', code: 'Updated', message: 'Updated task deadline and/or label' };
  }

  cancel(call: Call): Record<string, unknown> {
    const task = this.#task(call);
    if (isFinished(task)) return cancelResult('TaskComplete', 'The task completed before the cancel request was processed.');
    switch (this.context.switches.cancelMode) {
      case 'held':
        this.scheduler.holdCancel(task);
        return cancelResult('CancelAccepted', 'The cancel request has been received, but the task has not been cancelled yet.');
      case 'too-late':
        return cancelResult('Canceled', 'The task has been cancelled successfully.');
      case 'normal':
        return this.scheduler.cancel(task, 'Canceled by the task owner')
          ? cancelResult('Canceled', 'The task has been cancelled successfully.')
          : cancelResult('CancelAccepted', 'The cancel request has been received, but the task has not been cancelled yet.');
    }
  }

  events(call: Call): Record<string, unknown> {
    const task = this.#task(call);
    const filter = call.query.get('filter');
    if (filter !== null && !/^is_error:[01]$/.test(filter)) throw badRequest(`invalid filter '${filter}'`);
    const kept = historyDeleted(task, this.context.now()) ? [] : [...task.events].reverse();
    // Newest first, and no more than 1000 of them can be paged through.
    const found = kept.filter((event) => filter === null || event.isError === filter.endsWith('1')).slice(0, 1_000);
    const page = offsetPage(found, call.query);
    return { DATA_TYPE: 'event_list', DATA: page.part.map((event) => eventDocument(task, event)), ...page.place };
  }

  successes(call: Call): Record<string, unknown> {
    const task = this.#ended(call);
    const found = task.items.filter(({ state }) => state === 'succeeded');
    return { DATA_TYPE: 'successful_transfers', ...markerPage(found, call.query, successDocument) };
  }

  skipped(call: Call): Record<string, unknown> {
    const task = this.#ended(call);
    return {
      DATA_TYPE: 'skipped_errors',
      ...markerPage(task.skipped, call.query, (skipped) => {
        const item = task.items[skipped.item];
        if (item === undefined) throw new Error('skipped error without an item');
        return skippedDocument(item, skipped);
      }),
    };
  }

  pauseInfo(call: Call): Record<string, unknown> {
    const task = this.#task(call);
    const message = (id: string | null): string | null => (id === null ? null : this.context.switches.collection(id).pauseMessage);
    const rules = [task.source, task.destination].flatMap((id) => (id === null || message(id) === null ? [] : [pauseRule(id, message(id))]));
    return {
      DATA_TYPE: 'pause_info_limited',
      pause_rules: rules,
      source_pause_message: message(task.source),
      destination_pause_message: message(task.destination),
      source_pause_message_share: null,
      destination_pause_message_share: null,
    };
  }

  #task({ caller, ids: [id = ''] }: Call): TaskRecord {
    const task = this.context.store.tasks.get(id);
    if (task === undefined || task.owner !== caller.client || this.#forgotten(task)) throw noTask(id);
    return task;
  }

  #ended(call: Call): TaskRecord {
    const task = this.#task(call);
    if (task.type !== 'TRANSFER') throw badRequest('only for transfer tasks');
    if (!isFinished(task)) throw badRequest('Cannot get successful transfers, the task is still in progress');
    if (historyDeleted(task, this.context.now())) throw new ApiError(404, 'ClientError.NotFound', 'The history of this task has been deleted');
    return task;
  }

  #forgotten(task: TaskRecord): boolean {
    return task.completionTime !== null && this.context.now() - task.completionTime > FORGOTTEN_MS;
  }

  #document(task: TaskRecord): Record<string, unknown> {
    const { context } = this;
    const destination = task.destination === null ? null : context.collection(task.destination);
    return taskDocument(task, { now: context.now(), queued: this.scheduler.isQueued(task), source: context.collection(task.source), destination });
  }
}

const cancelResult = (code: string, message: string): Record<string, unknown> => ({ DATA_TYPE: 'result', code, message });

function pauseRule(collection: string, message: string | null): Record<string, unknown> {
  return {
    DATA_TYPE: 'pause_rule_limited', id: collection, message, start_time: null, endpoint_id: collection, endpoint_display_name: collection, identity_id: null,
    pause_ls: false, pause_mkdir: false, pause_symlink: false, pause_rename: false,
    pause_task_delete: true, pause_task_transfer_write: true, pause_task_transfer_read: true,
  };
}

function withFields(document: Record<string, unknown>, fields: string | null): Record<string, unknown> {
  if (fields === null || fields === '') return document;
  const wanted = new Set([...fields.split(','), 'DATA_TYPE']);
  return Object.fromEntries(Object.entries(document).filter(([key]) => wanted.has(key)));
}

function whole(query: URLSearchParams, key: string, absent: number): number {
  const text = query.get(key);
  if (text === null) return absent;
  if (!/^\d+$/.test(text)) throw badRequest(`${key} '${text}' is not a number`);
  return Number(text);
}

interface Page<T> {
  readonly part: readonly T[];
  readonly place: Readonly<Record<string, unknown>>;
}

export function offsetPage<T>(all: readonly T[], query: URLSearchParams, defaultLimit = 10, maxLimit = 1_000): Page<T> {
  const offset = whole(query, 'offset', 0);
  const limit = Math.min(whole(query, 'limit', defaultLimit), maxLimit);
  const part = all.slice(offset, offset + limit);
  return { part, place: { length: part.length, limit, offset, total: all.length, has_next_page: offset + part.length < all.length } };
}

function markerPage<T>(all: readonly T[], query: URLSearchParams, document: (entry: T) => Record<string, unknown>): Record<string, unknown> {
  const marker = whole(query, 'marker', 0);
  const end = marker + Math.min(whole(query, 'limit', 100), 1_000);
  return { marker, next_marker: end < all.length ? end : null, DATA: all.slice(marker, end).map(document) };
}
