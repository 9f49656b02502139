import { describe, expect, it } from 'vitest';
import { scanLine, sumProgress, type FollowedRun } from '../../../../producer/cli/sum-progress.js';

const START = Date.parse('2026-01-01T00:00:00Z');

function run(fields: Partial<FollowedRun>): FollowedRun {
  return { basepathId: 'alice', phase: 'saving', records: 10, bytes: '1000', startedAt: '2026-01-01T00:00:00Z', done: { found: 7, entries: 4, doneBytes: 300 }, ...fields };
}

describe('progress of several runs', () => {
  it('sums what is planned and done; time runs from the first start', () => {
    const runs = [run({}), run({ basepathId: 'bob', bytes: '9007199254740993', startedAt: '2026-01-01T00:00:05Z' })];
    expect(sumProgress(runs, START + 20_000)).toEqual({
      label: 'alice and 1 more', done: 8, total: 20, bytes: 600, totalBytes: Number('9007199254740993') + 1000, elapsedMs: 20_000,
    });
  });

  it('has no totals while one is being planned, and names one that is further', () => {
    const state = sumProgress([run({ basepathId: 'bob', phase: 'planning' }), run({})], START);
    expect(state).toMatchObject({ label: 'alice and 1 more', total: null, totalBytes: null });
  });

  it('tells a phase other than saving', () => {
    expect(sumProgress([run({ phase: 'sealing' })], START)?.label).toBe('alice (sealing)');
    expect(sumProgress([run({ phase: 'sealing' }), run({})], START)?.label).toBe('alice and 1 more');
  });

  it('counts what scans find, with their rate, while all are planned', () => {
    const planning = run({ phase: 'planning', done: { found: 1_200_000, entries: 0, doneBytes: 0 } });
    expect(scanLine([planning], START + 60_000)).toBe('alice (planning): 1,200,000 entries found · 20,000/s');
    expect(scanLine([planning, planning], START + 500)).toBe('alice and 1 more (planning): 2,400,000 entries found');
    expect(scanLine([planning, run({})], START)).toBeNull();
    expect(scanLine([], START)).toBeNull();
  });

  it('says nothing of nothing, and no negative time', () => {
    expect(sumProgress([], START)).toBeNull();
    expect(sumProgress([run({})], START - 5000)?.elapsedMs).toBe(0);
  });
});
