import { taskName } from '../../../shared/tasks/task-record.js';
import type { TaskStore } from '../../../shared/tasks/task-store.js';
import { formatBytes, formatCount, formatDuration } from '../../../shared/terminal/index.js';
import { plural } from '../print.js';
import type { TaskRow } from './outputs.js';

/** What is under way, the oldest first. */
export async function readTasks(store: TaskStore): Promise<TaskRow[]> {
  return (await store.all()).map(({ task }) => ({
    id: task.id,
    lts: task.lts,
    host: task.host,
    name: taskName(task),
    state: task.state,
    startedAt: new Date(task.createdMs).toISOString(),
    backups: task.backups.length,
    items: task.items,
    itemsDone: Math.floor(task.doneItems),
    bytes: task.bytes,
    bytesDone: Math.floor(task.doneBytes),
    bytesPerSecond: task.rate,
    code: task.error?.code ?? null,
    message: task.error?.message ?? null,
    hint: task.error?.hint ?? null,
  }));
}

/** What a task does; what is wrong with it, and what to do, on lines of their own. */
export function taskLines(row: TaskRow): string[] {
  const since = formatDuration(Math.max(0, Date.now() - Date.parse(row.startedAt)));
  const done = `${formatCount(row.itemsDone)} of ${plural(row.items, 'file')}, ${formatBytes(BigInt(row.bytesDone))} of ${formatBytes(BigInt(row.bytes))}`;
  const rate = row.bytesPerSecond > 0 ? `, ${formatBytes(BigInt(Math.round(row.bytesPerSecond)))}/s` : '';
  const first = `transfer to ${row.lts} from ${row.host} (${row.name}): ${row.state} for ${since}, ${done}${rate}, of ${plural(row.backups, 'backup')}`;
  return row.code === null ? [first] : [`${first}: ${row.code}: ${row.message ?? ''}`, `  -> ${row.hint ?? ''}`];
}
