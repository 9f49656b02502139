import { expect, it } from 'vitest';
import { figuresOf, leftMs, movedAtMs, needsOperator, outboxFigures } from '../../../../shared/tasks/figures.js';
import type { OutboxItem, StoredError } from '../../../../shared/tasks/task-record.js';
import { sampleTask } from './sample-task.js';

const NOW = 1_000_000;
const error = (retry: StoredError['retry']): StoredError => ({ code: 'X', message: 'x', retry, hint: 'h' });

it('tasks are summed up by LTS: those named, and those that have any', () => {
  const tasks = [
    sampleTask({ createdMs: NOW - 50_000, movedMs: NOW - 2_000, doneBytes: 400, doneItems: 4, rate: 20 }),
    sampleTask({ createdMs: NOW - 30_000, state: 'queued', error: error('operator'), rate: 5 }),
    sampleTask({ lts: 'old', createdMs: NOW + 5, doneBytes: 3_000, doneItems: 11 }),
  ];
  const [none, old, tape] = figuresOf(tasks, ['tape', 'none'], NOW);
  expect(tape).toMatchObject({ lts: 'tape', bytes: { done: 400, left: 1_600 }, files: { done: 4, left: 16 }, bytesPerSecond: 25, oldestMs: 50_000, unmovedMs: 30_000, needOperator: 1 });
  expect(tape?.states).toEqual({ keyed: 0, submitted: 0, queued: 1, running: 1, stalled: 0, paused: 0, 'needs-operator': 0, verifying: 0 });
  expect(old).toMatchObject({ lts: 'old', bytes: { done: 1_000, left: 0 }, files: { done: 10, left: 0 }, oldestMs: 0, unmovedMs: 0 }); // sent again in part; a clock that is ahead
  expect(none).toMatchObject({ lts: 'none', oldestMs: 0, bytes: { done: 0, left: 0 } });
});

it('an operator is needed by what is paused or suspended, or lacks something that only a person gives', () => {
  const told = [sampleTask(), sampleTask({ state: 'stalled', error: error('retry') }), sampleTask({ state: 'paused' }), sampleTask({ state: 'needs-operator' }), sampleTask({ state: 'keyed', error: error('operator') })];
  expect(told.map(needsOperator)).toEqual([false, false, true, true, true]);
});

it('what is left takes as long as its rate says, which says nothing when nothing moves', () => {
  expect([sampleTask({ rate: 100, doneBytes: 500 }), sampleTask(), sampleTask({ rate: 1, doneBytes: 1_000 })].map(leftMs)).toEqual([5_000, null, null]);
  expect([movedAtMs({ createdMs: 7, movedMs: 0 }), movedAtMs({ createdMs: 7, movedMs: 9 })]).toEqual([7, 9]);
});

it('of an outbox: how much, and since when the oldest waits', () => {
  const item = (sinceMs: number): OutboxItem => ({ object: String(sinceMs), file: '/f', bytes: 10, sha512: 'a', backupId: 'b', kind: 'slice', priority: 1, sinceMs, job: '', tries: 0 });
  expect(outboxFigures([item(5), item(3), item(8)])).toEqual({ files: 3, bytes: 30, sinceMs: 3 });
  expect(outboxFigures([])).toEqual({ files: 0, bytes: 0, sinceMs: null });
});
