import { leftMs, movedAtMs, needsOperator } from '../../../shared/tasks/figures.js';
import type { HostOutbox } from '../../../shared/tasks/read-outboxes.js';
import { taskName } from '../../../shared/tasks/task-record.js';
import type { LiveTask, TaskStore } from '../../../shared/tasks/task-store.js';
import { formatBytes, formatCount, formatDuration } from '../../../shared/terminal/index.js';
import { plural } from '../print.js';
import type { OutboxRow, TaskRow } from './outputs.js';

/** What is under way, the oldest first. */
export async function readTasks(store: TaskStore): Promise<TaskRow[]> {
  return (await store.all()).map(taskRow);
}

export function taskRow({ task, holder, cancelledBy }: LiveTask): TaskRow {
  const etaMs = leftMs(task);
  return {
    id: task.id,
    lts: task.lts,
    host: task.host,
    name: taskName(task),
    state: task.state,
    startedAt: iso(task.createdMs),
    backups: task.backups.length,
    items: task.items,
    itemsDone: Math.floor(task.doneItems),
    bytes: task.bytes,
    bytesDone: Math.floor(task.doneBytes),
    bytesPerSecond: task.rate,
    code: task.error?.code ?? null,
    message: task.error?.message ?? null,
    hint: task.error?.hint ?? null,
    needsOperator: needsOperator(task),
    movedAt: iso(movedAtMs(task)),
    etaMs: etaMs === null ? null : Math.round(etaMs),
    url: task.url,
    followed: holder !== null,
    cancelledBy,
  };
}

export function outboxRow({ lts, host, files, bytes, sinceMs, hostIsGone }: HostOutbox): OutboxRow {
  return { lts, host, files, bytes, oldestSince: iso(sinceMs ?? 0), hostIsGone };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** What a task does; what is wrong with it, and what to do, on lines of their own. */
export function taskLines(row: TaskRow, nowMs = Date.now()): string[] {
  const first = `transfer to ${row.lts} from ${row.host} (${row.name}): ${row.state} for ${since(row.startedAt, nowMs)}, ${progressText(row)}, of ${plural(row.backups, 'backup')}`;
  return row.code === null ? [first] : [`${first}: ${row.code}: ${row.message ?? ''}`, `  -> ${row.hint ?? ''}`];
}

function progressText(row: TaskRow): string {
  const done = `${formatCount(row.itemsDone)} of ${plural(row.items, 'file')}, ${formatBytes(BigInt(row.bytesDone))} of ${formatBytes(BigInt(row.bytes))}`;
  return row.bytesPerSecond > 0 ? `${done}, ${rateText(row)}` : done;
}

export function rateText({ bytesPerSecond }: Pick<TaskRow, 'bytesPerSecond'>): string {
  return bytesPerSecond === 0 ? '-' : `${formatBytes(BigInt(Math.round(bytesPerSecond)))}/s`;
}

/** What `tasks list` says of a task below its table: how its service calls it, where to look, what is wrong and what to do. */
export function remarkLines(row: TaskRow, nowMs: number): string[] {
  const marks = [
    ...(row.cancelledBy === null ? [] : [`cancelled by ${row.cancelledBy}, which is not through yet`]),
    ...(row.needsOperator ? ['needs an operator'] : []),
    ...(row.followed ? [] : ['no worker looks after it now']),
    ...(row.bytesPerSecond > 0 || row.state === 'verifying' ? [] : [`has moved nothing for ${since(row.movedAt, nowMs)}`]),
  ];
  const lines = [`${row.id}: ${[row.name, ...(row.url === null ? [] : [row.url])].join(', ')}${marks.length === 0 ? '' : `; ${marks.join('; ')}`}`];
  return row.code === null ? lines : [...lines, `  ${row.code}: ${row.message ?? ''}`, `  -> ${row.hint ?? ''}`];
}

export function outboxLine({ lts, host, files, bytes, oldestSince, hostIsGone }: OutboxRow, nowMs: number): string {
  const gone = hostIsGone ? '; no worker was heard there for ten minutes' : '';
  return `${host} waits for a task to ${lts} with ${plural(files, 'file')}, ${formatBytes(BigInt(bytes))}, the oldest for ${since(oldestSince, nowMs)}${gone}`;
}

export function since(at: string, nowMs: number): string {
  return formatDuration(Math.max(0, nowMs - Date.parse(at)));
}
