import { describe, expect, it } from 'vitest';
import { decideJob, type QueuedJob } from '../../../../producer/reconcile/queue-area.js';
import { sliceAfter } from '../../../../producer/reconcile/slices.js';
import { decideWork, type WorkFacts } from '../../../../producer/reconcile/work-area.js';
import type { Run } from '../../../../shared/runs/run-store.js';

const ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const MINUTE = 60_000;
const NOW = Date.parse('2026-01-02T00:00:00Z');
const run = (phase: Run['phase'], kind: Run['kind'] = 'backup'): Run => ({ id: ID, kind, basepathId: 'fay', path: '/u/fay', level: kind === 'backup' ? 'full' : 'restore', jobId: `backup.${ID}`, phase, startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, work: null, shards: 0, step: 0, records: 0, bytes: '0', error: null, outcome: null });
const attempt = (ended: boolean): WorkFacts['attempt'] => ({ started: { v: 1, at: '2026-01-01T00:00:00.000Z', writer: 'w', kind: 'attempt-started', backupId: ID, basepathId: 'fay', level: 'full', host: 'ie1' }, ended });
const FACTS: WorkFacts = { backupId: ID, nowMs: NOW, changedMs: NOW - 11 * MINUTE, run: null, attempt: attempt(false), sweepIsPending: false };

describe('decideWork', () => {
  it.each<[string, Partial<WorkFacts>, string[]]>([
    ['of a run that goes on', { run: run('saving') }, []],
    ['of one that Redis lost', {}, ['run-lost record-lost']],
    ['of one that Redis lost a moment ago: who works for it may not know yet', { changedMs: NOW - 10 * MINUTE }, []],
    ['of one that Redis lost, and that ended', { attempt: attempt(true) }, ['work-left sweep']],
    ['of one nobody knows', { attempt: null }, []],
    ['of one nobody knows, a day old', { attempt: null, changedMs: NOW - 24 * 60 * MINUTE - 1 }, ['work-unexplained remove']],
    ['of an ended run', { run: run('failed') }, ['work-left sweep']],
    ['of an ended run, its sweep ordered', { run: run('failed'), sweepIsPending: true }, []],
    ['of a failed run, kept for whoever looks into it', { run: { ...run('failed'), keptUntil: new Date(NOW + 1).toISOString() } }, []],
    ['of a failed run, kept long enough', { run: { ...run('failed'), keptUntil: new Date(NOW).toISOString() } }, ['work-left sweep']],
    ['of an ended restore', { run: run('done', 'restore') }, ['work-left remove']],
  ])('%s', (_, facts, expected) => {
    expect(decideWork({ ...FACTS, ...facts }).map(({ kind, act }) => `${kind} ${act?.act ?? 'report'}`)).toEqual(expected);
  });
});

describe('decideJob', () => {
  const JOB: QueuedJob = { queue: 'transfer-ie1', jobId: 'send.a', name: 'send', runId: ID, basepathId: 'fay', failedReason: null, phase: 'failed' };
  it.each<[string, Partial<QueuedJob>, string[]]>([
    ['a transfer of a run that ended', {}, ['job-without-run remove']],
    ['a transfer of a run that is not on record', { phase: null }, ['job-without-run remove']],
    ['a transfer of a run that goes on', { phase: 'saving' }, []],
    ['a release of a run that ended', { name: 'release' }, ['job-without-run remove']],
    ['a backup that waits for children, without run', { queue: 'backup', name: 'backup', phase: null }, ['job-without-run remove']],
    ['a sweep comes after its run', { name: 'sweep-staging' }, []],
    ['other cleanup', { name: 'erase', phase: null }, []],
    ['a failed transfer: its run says it', { failedReason: 'X: y' }, []],
    ['a failed sweep', { name: 'sweep-backup', failedReason: 'LTS_MISSING: gone\nmore' }, ['sweep-failed retry']],
  ])('%s', (_, job, expected) => {
    expect(decideJob({ ...JOB, ...job }).map(({ kind, act }) => `${kind} ${act?.act ?? 'report'}`)).toEqual(expected);
  });

  it('a sweep that found a seal cut off is tried again after the seal is finished', () => {
    expect(decideJob({ ...JOB, name: 'sweep-backup', failedReason: 'SEAL_UNFINISHED: x' })[0]?.act).toEqual({ act: 'retry', basepathId: 'fay', backupId: ID, sealIsUnfinished: true });
  });
});

describe('sliceAfter', () => {
  it('comes to all, and begins anew behind the last', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    expect(sliceAfter(ids, null, 2)).toEqual(['a', 'b']);
    expect(sliceAfter(ids, 'b', 2)).toEqual(['c', 'd']);
    expect(sliceAfter(ids, 'bb', 2)).toEqual(['c', 'd']); // it is gone meanwhile
    expect(sliceAfter(ids, 'd', 2)).toEqual(['e']);
    expect(sliceAfter(ids, 'e', 2)).toEqual(['a', 'b']);
    expect(sliceAfter([], 'e', 2)).toEqual([]);
  });
});
