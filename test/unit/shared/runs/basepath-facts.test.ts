import { describe, expect, it } from 'vitest';
import { factsOf, type SealedBackup } from '../../../../shared/runs/basepath-facts.js';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const instant = (day: number): string => new Date(T0 + day * 86_400_000).toISOString();

function backup(backupId: string, level: SealedBackup['level'], parent: string | null, day: number, archiveBytes: number): SealedBackup {
  const counts = { sourceBytes: '1000', archiveBytes: String(archiveBytes) };
  return { backupId, level, parent, capturedAt: instant(day), startedAt: instant(day), sealedAt: instant(day + 0.5), outcome: 'clean', counts, archives: [{ dar: { wallMs: 10 } }] };
}

const CHAIN = [backup('F1', 'full', null, 0, 900), backup('I1', 'incremental', 'F1', 1, 50), backup('I2', 'incremental', 'I1', 2, 70)];

describe('facts of a basepath', () => {
  it('none without a backup', () => {
    expect(factsOf([])).toBeNull();
  });

  it('come from the newest chain, in whatever order backups are given', () => {
    const facts = factsOf(CHAIN);
    expect(facts).toMatchObject({ backupId: 'I2', level: 'incremental', full: { backupId: 'F1', archiveBytes: 900, first: true }, chain: { length: 2, archiveBytes: 120 }, other: { archiveBytes: 70 } });
    expect(factsOf([...CHAIN].reverse())).toEqual(facts);
    expect(facts?.full?.slotMs).toBe(43_200_000);
  });

  it('of a week-long full sealed after younger incrementals of the old chain: those are newer, its chain is empty', () => {
    const facts = factsOf([...CHAIN, backup('F2', 'full', null, 1.5, 950)]);
    expect(facts).toMatchObject({ backupId: 'I2', full: { backupId: 'F2', first: false }, chain: { length: 0, archiveBytes: 0 } });
  });

  it('of differentials: only the last one is replayed', () => {
    const facts = factsOf([CHAIN[0] as SealedBackup, backup('D1', 'differential', 'F1', 1, 50), backup('D2', 'differential', 'F1', 2, 80)]);
    expect(facts?.chain).toEqual({ length: 1, archiveBytes: 80 });
  });

  it('stay small however many backups there are', () => {
    const many = Array.from({ length: 400 }, (_, index) => backup(`I${index}`, 'incremental', index === 0 ? 'F1' : `I${index - 1}`, index + 1, 5));
    expect(JSON.stringify(factsOf([CHAIN[0] as SealedBackup, ...many])).length).toBeLessThan(600);
  });
});
