import { describe, expect, it } from 'vitest';
import type { PriorityClass } from '../../../../shared/queues/priorities.js';
import { chooseVictims, type Running, type Waiting } from '../../../../producer/preemption/choose-victims.js';

const wait = (runId: string, priorityClass: PriorityClass = 'full'): Waiting => ({ runId, priorityClass });

function run(jobId: string, facts: Partial<Running> = {}): Running {
  const usual = { priorityClass: 'incremental', kind: 'shard', outOfReach: false, share: 0.5, doneBytes: 1000, startedMs: 1, stopping: false, preemptions: 0 } as const;
  return { jobId, runId: `run-${jobId}`, ...usual, ...facts };
}

const chosen = (waiting: Waiting[], running: Running[]): string[] => chooseVictims(waiting, running, { maxPerBackup: 3 }).map(({ jobId }) => jobId);

describe('who gives way', () => {
  it.each<[string, Waiting[], Running[], string[]]>([
    ['nobody while nothing waits', [], [run('a')], []],
    ['nobody to incrementals', [wait('i', 'incremental'), wait('o', 'overdue-incremental')], [run('a')], []],
    ['one incremental to one full', [wait('f')], [run('a'), run('b')], ['a']],
    ['one to many shards of one full', [wait('f'), wait('f'), wait('f')], [run('a'), run('b')], ['a']],
    ['as many as fulls and restores wait', [wait('f'), wait('r', 'restore'), wait('m', 'manual-full')], [run('a'), run('b'), run('c'), run('d')], ['a', 'b', 'c']],
    ['no more than there are', [wait('f'), wait('g')], [run('a')], ['a']],
    ['nobody to a full that has a slot', [wait('f')], [run('a'), run('x', { runId: 'f', priorityClass: 'full' })], []],
    ['nobody while another one is being stopped for it', [wait('f')], [run('a'), run('b', { stopping: true })], []],
    ['another one for the second full', [wait('f'), wait('g')], [run('a'), run('b', { stopping: true })], ['a']],
    ['no full and no restore to a full', [wait('f')], [run('a', { priorityClass: 'full' }), run('b', { priorityClass: 'restore' })], []],
    ['an overdue incremental too', [wait('f')], [run('a', { priorityClass: 'overdue-incremental' })], ['a']],
    ['nobody whose slot a full cannot have', [wait('f')], [run('a', { outOfReach: true })], []],
    ['another one while the one that was told to stop is out of reach', [wait('f')], [run('a'), run('b', { stopping: true, outOfReach: true })], ['a']],
    ['no seal', [wait('f')], [run('a', { kind: 'other' })], []],
    ['who has read least', [wait('f')], [run('a', { doneBytes: 9 }), run('b', { doneBytes: 8 }), run('c', { doneBytes: 10 })], ['b']],
    ['who began last, of equals', [wait('f')], [run('a', { startedMs: 5 }), run('b', { startedMs: 9 })], ['b']],
    ['not who is about to finish, where there is another', [wait('f')], [run('a', { share: 0.95, doneBytes: 1 }), run('b', { doneBytes: 5000 })], ['b']],
    ['not a scan, where there is another', [wait('f')], [run('a', { kind: 'scan', doneBytes: 0 }), run('b')], ['b']],
    ['a scan where there is no other', [wait('f')], [run('a', { kind: 'scan' })], ['a']],
    ['nobody who had to so often already', [wait('f')], [run('a', { preemptions: 3 })], []],
    ['of one backup no more than the bound', [wait('f'), wait('g')], [run('a', { runId: 'i', preemptions: 2 }), run('b', { runId: 'i', preemptions: 2 })], ['a']],
    ['a full to a restore, where no incremental is left', [wait('r', 'restore')], [run('a', { priorityClass: 'full' }), run('b', { priorityClass: 'manual-full', doneBytes: 9 })], ['b']],
    ['an incremental to a restore before any full', [wait('r', 'restore')], [run('a', { priorityClass: 'full', doneBytes: 1 }), run('b')], ['b']],
    ['fulls to as many restores as incrementals do not serve', [wait('r', 'restore'), wait('s', 'restore')], [run('a'), run('b', { priorityClass: 'full' }), run('c', { priorityClass: 'full' })], ['a', 'b']],
    ['no full to a full that waits behind a restore', [wait('f'), wait('r', 'restore')], [run('a'), run('b', { priorityClass: 'full' })], ['a']],
    ['one full to many archives of one restore', [wait('r', 'restore'), wait('r', 'restore')], [run('a', { priorityClass: 'full' }), run('b', { priorityClass: 'full' })], ['a']],
    ['nobody to a restore for which a full is being stopped', [wait('r', 'restore')], [run('a', { priorityClass: 'full' }), run('b', { priorityClass: 'full', stopping: true })], []],
    ['an incremental to a full while a full is being stopped for a restore', [wait('r', 'restore'), wait('f')], [run('a'), run('b', { priorityClass: 'full', stopping: true })], ['a']],
    ['no seal of a full, and no other restore', [wait('r', 'restore')], [run('a', { priorityClass: 'full', kind: 'other' }), run('b', { priorityClass: 'restore', kind: 'other' })], []],
    ['not the scan of a full, where there is another', [wait('r', 'restore')], [run('a', { priorityClass: 'full', kind: 'scan', doneBytes: 0 }), run('b', { priorityClass: 'full' })], ['b']],
    ['to a restore whoever has the slot, the bound or not', [wait('r', 'restore')], [run('a', { preemptions: 3 }), run('b', { priorityClass: 'full', preemptions: 9, doneBytes: 1 })], ['b']],
    ['to a restore who is within the bound before who is not', [wait('r', 'restore')], [run('a', { preemptions: 3, doneBytes: 1 }), run('b')], ['b']],
  ])('%s', (_, waiting, running, victims) => {
    expect(chosen(waiting, running)).toEqual(victims);
  });
});
