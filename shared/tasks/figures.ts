import { TASK_STATES, type OutboxItem, type TaskRecord, type TaskState } from './task-record.js';

/** What is under way to one LTS. */
export interface LtsTasks {
  readonly lts: string;
  readonly states: Readonly<Record<TaskState, number>>;
  readonly bytes: { readonly done: number; readonly left: number };
  readonly files: { readonly done: number; readonly left: number };
  /** Of all tasks together, between their last two looks. */
  readonly bytesPerSecond: number;
  /** Age of the oldest task, ms; 0: there is none. */
  readonly oldestMs: number;
  /** The longest time for which a task has moved nothing, ms; 0: there is none. */
  readonly unmovedMs: number;
  readonly needOperator: number;
}

/** What waits in the outbox of one host for one LTS. */
export interface OutboxFigures {
  readonly files: number;
  readonly bytes: number;
  /** Since when the oldest waits, ms by the clock of Redis; null: nothing waits. */
  readonly sinceMs: number | null;
}

/** What is under way to each LTS (pure): of those named also when there is nothing, and of those that tasks name. */
export function figuresOf(tasks: readonly TaskRecord[], lts: readonly string[], nowMs: number): LtsTasks[] {
  const names = [...new Set([...lts, ...tasks.map((task) => task.lts)])].sort();
  return names.map((name) => figuresOfOne(name, tasks.filter((task) => task.lts === name), nowMs));
}

function figuresOfOne(lts: string, tasks: readonly TaskRecord[], nowMs: number): LtsTasks {
  const sum = (value: (task: TaskRecord) => number): number => tasks.reduce((all, task) => all + value(task), 0);
  const longest = (value: (task: TaskRecord) => number): number => Math.max(0, ...tasks.map(value));
  return {
    lts,
    states: Object.fromEntries(TASK_STATES.map((state) => [state, tasks.filter((task) => task.state === state).length])) as Record<TaskState, number>,
    bytes: { done: sum(doneBytes), left: sum((task) => task.bytes - doneBytes(task)) },
    files: { done: sum(doneItems), left: sum((task) => task.items - doneItems(task)) },
    bytesPerSecond: sum(({ rate }) => rate),
    oldestMs: longest(({ createdMs }) => nowMs - createdMs),
    unmovedMs: longest((task) => nowMs - movedAtMs(task)),
    needOperator: tasks.filter(needsOperator).length,
  };
}

/** Services count what they send again, too. */
function doneBytes({ bytes, doneBytes: done }: TaskRecord): number {
  return Math.min(bytes, done);
}

function doneItems({ items, doneItems: done }: TaskRecord): number {
  return Math.min(items, done);
}

/** When it last got on, ms (pure): it began, or moved something. */
export function movedAtMs({ createdMs, movedMs }: Pick<TaskRecord, 'createdMs' | 'movedMs'>): number {
  return Math.max(createdMs, movedMs);
}

/** Whether it goes on only when somebody acts (pure): it is paused or suspended, or permission, quota, consent, ... are missing. */
export function needsOperator({ state, error }: Pick<TaskRecord, 'state' | 'error'>): boolean {
  return state === 'paused' || state === 'needs-operator' || error?.retry === 'operator';
}

/** How long it still takes at its rate, ms (pure); null: it moves nothing now, or all is moved. */
export function leftMs(task: TaskRecord): number | null {
  const left = task.bytes - doneBytes(task);
  return left === 0 || task.rate === 0 ? null : (left / task.rate) * 1000;
}

/** Of what waits in an outbox (pure). */
export function outboxFigures(items: readonly OutboxItem[]): OutboxFigures {
  const sinceMs = items.reduce<number | null>((oldest, item) => Math.min(oldest ?? item.sinceMs, item.sinceMs), null);
  return { files: items.length, bytes: items.reduce((sum, { bytes }) => sum + bytes, 0), sinceMs };
}
