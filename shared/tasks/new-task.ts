import { ulid } from 'ulid';
import { DEFAULT_TASKS, type TransferBackend } from '../transfer/backend.js';
import type { OutboxItem, TaskRecord } from './task-record.js';

/** Whose live tasks are counted together, and how many there may be. */
export function leasesOf({ name, tasks }: Pick<TransferBackend, 'name' | 'tasks'>): { readonly identity: string; readonly max: number } {
  return tasks ?? { identity: name, max: DEFAULT_TASKS };
}

/** The record of a task that nobody outside knows of yet. */
export function newTask(about: Pick<TaskRecord, 'lts' | 'identity' | 'host' | 'key' | 'createdMs'>, take: readonly OutboxItem[]): TaskRecord {
  return {
    v: 1,
    id: ulid(),
    ...about,
    items: take.length,
    bytes: take.reduce((sum, { bytes }) => sum + bytes, 0),
    backups: [...new Set(take.map(({ backupId }) => backupId).filter((id) => id !== ''))],
    state: 'keyed',
    handle: null,
    doneBytes: 0,
    doneItems: 0,
    rate: 0,
    seenMs: 0,
    movedMs: 0,
    url: null,
    error: null,
    failures: 0,
  };
}
