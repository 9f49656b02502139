import { badRequest } from './api-error.js';
import type { TaskRecord } from './records.js';

/**
 * `filter` of task_list: `field:value,value/field:value`. A `/` ends a field and a `,` a value, so that neither can be part of a label that is
 * looked for; `~` before a value makes `*` a wildcard and case not matter, `!` turns it round. Throws 400 for what it does not know.
 */
export function taskFilter(text: string): (task: TaskRecord) => boolean {
  const parts = text.split('/').filter((part) => part !== '').map((part) => {
    const colon = part.indexOf(':');
    const field = part.slice(0, colon);
    if (colon < 1 || !(field in FIELDS)) throw badRequest(`invalid filter '${part}'`);
    return { field: field as keyof typeof FIELDS, values: part.slice(colon + 1).split(',') };
  });
  return (task) => parts.every(({ field, values }) => values.some((value) => matches(FIELDS[field](task), value)));
}

const FIELDS = {
  task_id: (task: TaskRecord) => task.id,
  type: (task: TaskRecord) => task.type,
  status: (task: TaskRecord) => task.status,
  label: (task: TaskRecord) => task.label ?? '',
};

function matches(text: string, wanted: string): boolean {
  if (wanted.startsWith('!')) return !matches(text, wanted.slice(1));
  if (!wanted.startsWith('~')) return text === wanted;
  const pattern = wanted.slice(1).split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
  return new RegExp(`^${pattern}$`, 'is').test(text);
}

/** `orderby=request_time DESC`; newest first without one. */
export function ordered(tasks: readonly TaskRecord[], orderby: string): TaskRecord[] {
  const [field = 'request_time', direction = 'ASC'] = (orderby === '' ? 'request_time DESC' : orderby).split(/[ ,]+/);
  const sign = direction.toUpperCase() === 'DESC' ? -1 : 1;
  const time = (task: TaskRecord): number => (field === 'completion_time' ? (task.completionTime ?? Infinity) : task.requestTime);
  return tasks.map((task, index) => ({ task, index })).sort((a, b) => sign * (time(a.task) - time(b.task) || a.index - b.index)).map(({ task }) => task);
}
