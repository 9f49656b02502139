import { describe, expect, it } from 'vitest';
import { chainsToFree, sparableChains, type PricedBackup } from '../../../../producer/policy/to-free.js';

const backup = (backupId: string, parent: string | null, capturedAtMs: number): PricedBackup => ({ backupId, parent, capturedAtMs, bytes: 10n });
const backups = [backup('F1', null, 1), backup('i2', 'F1', 2), backup('F3', null, 3), backup('i4', 'F3', 4), backup('F5', null, 5)];
const kept = (...reasons: string[]): { keep: true; reasons: string[] } => ({ keep: true, reasons });
const byRule = [
  { backupId: 'F1', ...kept('needed by i2') },
  { backupId: 'i2', ...kept('month 2026-01', 'last 4 of 9') },
  { backupId: 'F3', ...kept('needed by i4') },
  { backupId: 'i4', ...kept('week 2026-W04') },
  { backupId: 'F5', ...kept('newest', 'newest full') },
];

describe('sparableChains', () => {
  it('are those that nothing but rules keeps, as a whole', () => {
    expect(sparableChains('alice', backups, byRule)).toEqual([
      { basepathId: 'alice', backupIds: ['F1', 'i2'], newestCapturedAtMs: 2, bytes: 20n },
      { basepathId: 'alice', backupIds: ['F3', 'i4'], newestCapturedAtMs: 4, bytes: 20n },
    ]);
  });

  it.each(['held: lawyers', 'shrunk, not accepted', 'needed by running restore 01R', 'basepath gone since 2026-01-01, kept for ever', 'undeleted, kept until 2026-01-09'])('are not those kept as "%s"', (why) => {
    const decisions = byRule.map((each) => (each.backupId === 'i2' ? { ...each, reasons: [...each.reasons, why] } : each));
    expect(sparableChains('alice', backups, decisions).map(({ backupIds }) => backupIds[0])).toEqual(['F3']);
  });

  it('do not count again what retention removes anyway', () => {
    const decisions = byRule.map((each) => (each.backupId === 'i2' ? { backupId: 'i2', keep: false, reasons: ['no rule keeps it'] } : each));
    expect(sparableChains('alice', backups, decisions)[0]).toMatchObject({ backupIds: ['F1'], bytes: 10n });
  });
});

describe('chainsToFree', () => {
  const chains = sparableChains('alice', backups, byRule);

  it.each([
    [0n, 0],
    [1n, 1],
    [20n, 1],
    [21n, 2],
    [1000n, 2],
  ])('for %s bytes the oldest %i', (wanted, count) => {
    expect(chainsToFree([...chains].reverse(), wanted)).toEqual(chains.slice(0, count));
  });
});
