import { describe, expect, it } from 'vitest';
import { chooseParent } from '../../../../../worker/jobs/backup/choose-parent.js';

type Level = 'full' | 'differential' | 'incremental';
interface Sealed { backupId: string; parent: string | null; level: Level; capturedAt: string }

function known(...rows: readonly (readonly [id: string, level: Level, parent: string | null, day: number])[]): Map<string, Sealed> {
  return new Map(rows.map(([backupId, level, parent, day]) => [backupId, { backupId, level, parent, capturedAt: new Date(day * 86_400_000).toISOString() }]));
}

const ids = (level: Level, backups: Map<string, Sealed>): string[] => chooseParent(level, backups, 'x').map(({ backupId }) => backupId);

describe('chooseParent', () => {
  const chain = known(['F', 'full', null, 1], ['I1', 'incremental', 'F', 2], ['I2', 'incremental', 'I1', 3], ['D', 'differential', 'F', 4], ['I3', 'incremental', 'D', 5]);

  it('a full has none', () => {
    expect(ids('full', chain)).toEqual([]);
  });

  it('a differential has the newest full, an incremental the chain of latest capture', () => {
    expect(ids('differential', chain)).toEqual(['F']);
    expect(ids('incremental', chain)).toEqual(['F', 'D', 'I3']);
  });

  it('only the newest chain counts: a long full ends after incrementals that were captured later, on the old chain', () => {
    const two = known(['F', 'full', null, 1], ['I1', 'incremental', 'F', 9], ['G', 'full', null, 5]);
    expect(ids('incremental', two)).toEqual(['G']);
    expect(ids('differential', two)).toEqual(['G']);
  });

  it('a backup whose chain is broken is no parent', () => {
    expect(ids('incremental', known(['F', 'full', null, 1], ['I2', 'incremental', 'lost', 3]))).toEqual(['F']);
  });

  it('without a full there is nothing to compare with', () => {
    expect(() => ids('incremental', known(['I2', 'incremental', 'lost', 3]))).toThrow(expect.objectContaining({ code: 'PARENT_MISSING', retry: 'permanent' }));
  });
});
