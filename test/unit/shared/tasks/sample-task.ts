import type { TaskRecord } from '../../../../shared/tasks/task-record.js';

/** A task that runs, with what a test says of it. */
export function sampleTask(about: Partial<TaskRecord> = {}): TaskRecord {
  return {
    v: 1, id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', lts: 'tape', identity: 'client', host: 'ie1', key: 'k', createdMs: 1_000, items: 10, bytes: 1_000, backups: ['b'],
    state: 'running', handle: { task: 'at-service', files: 10 }, doneBytes: 0, doneItems: 0, rate: 0, seenMs: 0, movedMs: 0, url: null, error: null, failures: 0, ...about,
  };
}
