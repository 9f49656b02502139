import { expect, it } from 'vitest';
import { decideStaging, type StagingEntry } from '../../../../worker/staging/decide-staging.js';

const HOUR = 3_600_000;
const ENTRY: StagingEntry = { host: 'ie1', name: '01ARZ3NDEKTSV4RRFFQ69G5FAV', isRun: true, phase: 'saving', ageMs: HOUR, isKept: false, isOnItsWay: null, starts: [] };
const start = (name: string, shardIsDone: boolean, counts: boolean): StagingEntry['starts'][number] => ({ name, shardIsDone, counts });

it.each<[string, Partial<StagingEntry>, (string | null)[]]>([
  ['of a run that goes on', {}, []],
  ['of a run that failed', { phase: 'failed' }, ['01ARZ3NDEKTSV4RRFFQ69G5FAV']],
  ['of a run that failed, kept for a while', { phase: 'failed', isKept: true }, []],
  ['of a run nobody knows', { phase: null }, ['01ARZ3NDEKTSV4RRFFQ69G5FAV']],
  ['starts that count, or whose shard runs or waits', { starts: [start('s0001-t1-a', true, true), start('s0002-t1-a', false, false), start('s0003-t1-a', false, true)] }, []],
  ['a start of a finished shard that does not count', { starts: [start('s0001-t1-a', true, false), start('s0001-t2-b', true, true)] }, ['01ARZ3NDEKTSV4RRFFQ69G5FAV/s0001-t1-a']],
  ['a file on its way to a service', { isRun: false, name: 'files/x', phase: null, isOnItsWay: true, ageMs: 999 * HOUR }, []],
  ['a file that no task has, yet', { isRun: false, name: 'files/x', phase: null, isOnItsWay: false, ageMs: HOUR / 6 }, []],
  ['a file that no task has', { isRun: false, name: 'files/x', phase: null, isOnItsWay: false }, ['files/x']],
  ['not ours', { isRun: false, name: 'notes', phase: null }, [null]],
  ['not ours, a week old', { isRun: false, name: 'notes', phase: null, ageMs: 169 * HOUR }, ['notes']],
])('%s', (_, entry, removed) => {
  expect(decideStaging({ ...ENTRY, ...entry }).map(({ act }) => act?.remove.join() ?? null)).toEqual(removed);
});
