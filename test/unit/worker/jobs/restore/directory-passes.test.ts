import { describe, expect, it } from 'vitest';
import { directoryPasses } from '../../../../../worker/jobs/restore/directory-passes.js';
import type { RestorePart } from '../../../../../worker/jobs/restore/restore-plan.js';

type Archive = readonly [key: string, restoreOrder: number, directoriesWithEa: number];
type Input = Parameters<typeof directoryPasses>[0];

function passes(backups: Readonly<Record<string, readonly Archive[]>>, parts: readonly RestorePart[]): string[] {
  const chain = Object.entries(backups).map(([backupId, archives]) => ({ backupId, archives: archives.map(([key, restoreOrder, directoriesWithEa]) => ({ key, restoreOrder, directoriesWithEa })) }));
  return directoryPasses({ chain, plan: { v: 1, parts, inexact: false, records: 0 } } as unknown as Input).map(({ backupId, archive }) => `${backupId}:${archive}`);
}

const whole = (...keys: readonly string[]): RestorePart[] => keys.map((archive) => ({ backupId: 'F', archive, records: null, directories: null, entries: null }));
const listed = (backupId: string, archive: string, directories: boolean): RestorePart => ({ backupId, archive, records: 'r', directories: directories ? 'd' : null, entries: 1 });

describe('directoryPasses of a whole full', () => {
  it('are needed only where directories have attributes', () => {
    expect(passes({ F: [['1.1', 1, 0], ['2.1', 1, 0]] }, whole('1.1', '2.1'))).toEqual([]);
    expect(passes({ F: [['2.1', 1, 3], ['1.1', 1, 0]] }, whole('2.1', '1.1'))).toEqual(['F:2.1']);
  });

  it('take every later archive too: it may hold a newer state of the same directory', () => {
    expect(passes({ F: [['1.2', 2, 0], ['1.1', 1, 1], ['2.1', 1, 0]] }, whole('1.1', '1.2', '2.1'))).toEqual(['F:1.1', 'F:1.2']);
  });
});

describe('directoryPasses of lists', () => {
  it('take the oldest state first, also of a consolidated full, whose archives come of backups of different age', () => {
    const backups = { F: [['10.1', 2, 0], ['2.1', 1, 0]] as const, I: [['1.1', 1, 0]] as const };
    expect(passes(backups, [listed('I', '1.1', true), listed('F', '10.1', true), listed('F', '2.1', true)])).toEqual(['F:2.1', 'F:10.1', 'I:1.1']);
  });

  it('take all archives that give directories, if there are several', () => {
    const backups = { F: [['1.1', 1, 0]] as const, I: [['1.1', 1, 0], ['2.1', 1, 0]] as const };
    expect(passes(backups, [listed('F', '1.1', true), listed('I', '1.1', false), listed('I', '2.1', true)])).toEqual(['F:1.1', 'I:2.1']);
    expect(passes(backups, [listed('F', '1.1', true)])).toEqual([]);
    expect(passes({ F: [['1.1', 1, 2]] }, [listed('F', '1.1', true)])).toEqual(['F:1.1']);
  });
});
