import { describe, expect, it } from 'vitest';
import { decideRun, MAX_REQUEUES, type Batch, type RunFacts } from '../../../../producer/reconcile/decide-run.js';
import type { Run } from '../../../../shared/runs/run-store.js';

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const RUN: Run = { id: ID, kind: 'backup', basepathId: 'fay', path: '/u/fay', level: 'full', jobId: `backup.${ID}`, phase: 'saving', startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, work: 't1-abcdef', shards: 2, step: 0, records: 1, bytes: '1', error: null, outcome: null };
const FACTS: RunFacts = { id: ID, run: RUN, job: 'waiting-children', endedForMs: 0, failed: null, isSealed: false, requeues: 0, place: RUN.jobId, topdir: '/u', waits: null };
const WAITS: NonNullable<RunFacts['waits']> = { lost: [], lostShards: [], open: 1, lostItems: [], unsent: [], redo: [] };
const BATCH: Batch = { host: 'ie1', start: 's0001-t1-abcdef', objects: ['fay/x/a.1.dar', 'fay/x/a.2.dar'], bytes: 7 };

const told = (facts: RunFacts): string[] => decideRun(facts).map(({ kind, act }) => `${kind} ${act?.act ?? 'report'}`);

describe('decideRun', () => {
  it.each<[string, Partial<RunFacts>, string[]]>([
    ['a job that runs', { job: 'active' }, []],
    ['a job that waits', { job: 'prioritized' }, []],
    ['one whose children were not looked at', {}, []],
    ['no job', { job: 'gone' }, ['job-lost requeue']],
    ['a job in no list', { job: 'unknown' }, ['job-lost requeue']],
    ['no job, its place free', { job: 'gone', place: null }, ['job-lost requeue']],
    ['no job, its place taken', { job: 'gone', place: 'backup.other' }, ['run-unreported fail']],
    ['no job, too often', { job: 'gone', requeues: MAX_REQUEUES }, ['run-unreported fail']],
    ['no job, its topdir not configured', { job: 'gone', topdir: null }, ['run-unreported fail']],
    ['no job of a restore', { job: 'gone', run: { ...RUN, kind: 'restore', level: 'restore' } }, ['run-unreported fail']],
    ['a restore that runs', { job: 'active', run: { ...RUN, kind: 'restore', level: 'restore' } }, []],
    ['a failed job', { job: 'failed', failed: { code: 'X', message: 'y' } }, ['run-unreported fail']],
    ['sealed, no job', { job: 'gone', isSealed: true }, ['seal-unrecorded record-seal']],
    ['sealed, the job failed', { job: 'failed', isSealed: true, failed: { code: 'X', message: 'y' } }, ['seal-unrecorded record-seal']],
    ['a shard whose slices wait for a host that is gone', { waits: { ...WAITS, redo: [{ shard: 2, host: 'off' }] } }, ['host-gone redo-shard']],
    ['a done run that is listed', { run: { ...RUN, phase: 'done' }, job: 'gone' }, ['run-remains forget']],
    ['a failed run that is being put on record', { run: { ...RUN, phase: 'failed' }, job: 'gone', endedForMs: 600_000 }, []],
    ['a failed run that nobody put on record', { run: { ...RUN, phase: 'failed' }, job: 'gone', endedForMs: 600_001 }, ['run-unreported finish-failed']],
    ['only an id', { run: null, job: 'gone' }, ['run-remains forget']],
    ['waiting for what somebody does', { waits: WAITS }, []],
    ['waiting for nothing', { waits: { ...WAITS, open: 0 } }, ['seal-asleep wake']],
    ['a shard in no queue', { waits: { ...WAITS, open: 0, lostShards: [2] } }, ['child-lost add-shard']],
    ['a transfer in no queue, all of it through', { waits: { ...WAITS, lost: [{ queue: 'transfer-ie1', jobId: 'send.a' }] } }, ['child-lost resend']],
    ['a transfer in no queue, some of it unsent', { waits: { ...WAITS, lost: [{ queue: 'transfer-ie1', jobId: 'send.a' }], unsent: [BATCH] } }, ['item-without-job send']],
    ['slices without item', { waits: { ...WAITS, lostItems: [BATCH] } }, ['item-lost put-items']],
  ])('%s', (_, facts, expected) => {
    expect(told({ ...FACTS, ...facts })).toEqual(expected);
  });

  it('says what happened and to what', () => {
    expect(decideRun({ ...FACTS, job: 'gone', place: 'backup.other' })).toEqual([
      {
        kind: 'run-unreported',
        subject: `backup ${ID} of fay`,
        detail: 'its job is gone: another one waits or runs for this basepath (backup.other)',
        act: { act: 'fail', error: { code: 'JOB_GONE', message: 'the job is not in the queue any more, and is not queued again: another one waits or runs for this basepath (backup.other)' } },
      },
    ]);
    expect(decideRun({ ...FACTS, waits: { ...WAITS, unsent: [BATCH] } })).toEqual([
      { kind: 'item-without-job', subject: `backup ${ID} of fay, s0001-t1-abcdef on ie1`, detail: '2 slices, the first fay/x/a.1.dar', bytes: 7n, act: { act: 'send', batch: BATCH } },
    ]);
  });
});
