import { expect, it } from 'vitest';
import { taskRowSchema } from '../../../../../producer/cli/tasks/outputs.js';
import { outboxLine, outboxRow, remarkLines, taskLines, taskRow } from '../../../../../producer/cli/tasks/task-rows.js';
import { findTask } from '../../../../../producer/cli/tasks/tasks-command.js';
import type { TaskRecord } from '../../../../../shared/tasks/task-record.js';
import type { LiveTask } from '../../../../../shared/tasks/task-store.js';
import { sampleTask } from '../../../shared/tasks/sample-task.js';

const NOW = 61_000;
const live = (about: Partial<TaskRecord> = {}, more: Partial<LiveTask> = {}): LiveTask => ({ task: sampleTask(about), holder: 'me', cancelledBy: null, ...more });

it('a task that goes on: how far it is, and where to look', () => {
  const row = taskRow(live({ doneBytes: 250, doneItems: 2, rate: 50, movedMs: 60_000, url: 'https://service/1' }));
  expect(taskRowSchema.parse(row)).toMatchObject({ itemsDone: 2, bytesDone: 250, etaMs: 15_000, movedAt: '1970-01-01T00:01:00.000Z', needsOperator: false, followed: true, cancelledBy: null });
  expect(remarkLines(row, NOW)).toEqual(['01ARZ3NDEKTSV4RRFFQ69G5FAV: task at-service, https://service/1']);
  expect(taskLines(row, NOW)).toEqual(['transfer to tape from ie1 (task at-service): running for 1m 00s, 2 of 10 files, 250 B of 1000 B, 50 B/s, of 1 backup']);
});

it('one that does not: since when, why, and what to do', () => {
  const error = { code: 'TRANSFER_DENIED', message: 'no', retry: 'operator' as const, hint: 'Ask.' };
  const row = taskRow(live({ state: 'stalled', error, handle: null }, { holder: null, cancelledBy: 'ann' }));
  expect(row).toMatchObject({ etaMs: null, needsOperator: true, followed: false, movedAt: '1970-01-01T00:00:01.000Z' });
  expect(remarkLines(row, NOW)).toEqual([
    '01ARZ3NDEKTSV4RRFFQ69G5FAV: task 01ARZ3NDEKTSV4RRFFQ69G5FAV; cancelled by ann, which is not through yet; needs an operator; no worker looks after it now; has moved nothing for 1m 00s',
    '  TRANSFER_DENIED: no',
    '  -> Ask.',
  ]);
});

it('what waits on a host', () => {
  const row = outboxRow({ lts: 'tape', host: 'ie2', files: 1, bytes: 2_048, sinceMs: 1_000, hostIsGone: true });
  expect(outboxLine(row, NOW)).toBe('ie2 waits for a task to tape with 1 file, 2.0 KiB, the oldest for 1m 00s; no worker was heard there for ten minutes');
});

it('a task is found by letters of its id, or as its service calls it', () => {
  const [one, two] = [live(), live({ id: '01BX5ZZKBKACTAV9WEVGEMMVRZ', handle: { task: 'other' } })];
  expect([findTask([one, two], '01arz3nd'), findTask([one, two], 'other')]).toEqual([one, two]);
  for (const name of ['01A', '', 'oth', '01ZZZZZZ']) expect(() => findTask([one, two], name), name).toThrow(expect.objectContaining({ code: 'NOT_RUNNING' }) as Error);
  expect(() => findTask([one, live()], '01ARZ3ND')).toThrow(expect.objectContaining({ code: 'BACKUP_AMBIGUOUS' }) as Error);
});
