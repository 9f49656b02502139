import { describe, expect, it } from 'vitest';
import { selectLetters } from '../../../../producer/cli/dead/select-letters.js';
import { groupByCause, settles, type DeadLetter, type JobError } from '../../../../shared/dead-letters/dead-letter.js';
import { lettersFromJournal } from '../../../../shared/dead-letters/from-journal.js';
import type { RecordOf } from '../../../../shared/journal/index.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

const id = (n: number): string => `01JQZX3K5V8W9Y2A4B6C7D8E${String(n).padStart(2, '0')}`;
const instant = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const last: JobError = { code: 'STAGING_FULL', message: 'full', hint: 'make room', subject: null, detail: null, host: 'ie1', job: 'shard 2', attempt: 4, at: instant(1) };

function letter(n: number, fields: Partial<DeadLetter> = {}): DeadLetter {
  return { v: 1, runId: id(n), kind: 'backup', basepathId: 'a', path: '/u/staff/a', level: 'incremental', startedAt: instant(0), failedAt: instant(n), code: 'STAGING_FULL', message: `m${n}`, last: null, ...fields };
}

describe('causes of dead letters', () => {
  it('are told by code, the most frequent first, with the newest message and whatever hint is known', () => {
    const causes = groupByCause([letter(1, { last }), letter(2, { code: 'SOURCE_EMPTY' }), letter(3)]);
    expect(causes.map(({ code, message, hint, letters }) => [code, message, hint, letters.map(({ runId }) => runId)])).toEqual([
      ['STAGING_FULL', 'm3', 'make room', [id(3), id(1)]],
      ['SOURCE_EMPTY', 'm2', null, [id(2)]],
    ]);
  });
});

describe('a backup that seals', () => {
  it.each([
    ['full', letter(1, { level: 'full' }), true],
    ['full', letter(1, { level: 'incremental' }), true],
    ['incremental', letter(1, { level: 'full' }), false],
    ['incremental', letter(1, { level: 'differential' }), true],
    ['full', letter(1, { basepathId: 'b' }), false],
    ['full', letter(1, { kind: 'restore', level: 'restore' }), false],
  ] as const)('%s of a settles %o: %s', (level, each, expected) => {
    expect(settles(level, 'a', each)).toBe(expected);
  });
});

describe('letters of a lost Redis', () => {
  const ended = (n: number, basepathId: string, level: 'full' | 'incremental', outcome: 'failed' | 'clean' | 'interrupted'): RecordOf<'attempt-ended'> => ({
    v: 1, at: instant(n), writer: 'w', kind: 'attempt-ended', backupId: id(n), basepathId, level, outcome, error: outcome === 'failed' ? { code: 'E', message: 'm' } : null, startedAt: instant(0), endedAt: instant(n), bytes: '0', files: 0,
  });
  const dismissed = (n: number, basepathId: string): RecordOf<'dismissed'> => ({ v: 1, at: instant(50), writer: 'w', kind: 'dismissed', basepathId, backupId: id(n), reason: '' });
  const known = { byId: (basepathId: string) => (basepathId === 'lost' ? undefined : ({ path: bytePath.of(`/u/staff/${basepathId}`) } as never)) };

  it('are the newest failures of each kind that nothing settled and nobody dismissed', async () => {
    const records = [
      ended(1, 'a', 'full', 'failed'), ended(2, 'a', 'incremental', 'failed'), ended(3, 'a', 'incremental', 'clean'),
      ended(4, 'b', 'incremental', 'failed'), ended(5, 'b', 'full', 'clean'),
      ended(6, 'c', 'incremental', 'failed'), ended(7, 'c', 'incremental', 'interrupted'), ended(8, 'c', 'incremental', 'failed'),
      ended(9, 'd', 'incremental', 'failed'), dismissed(9, 'd'),
      ended(10, 'lost', 'full', 'failed'),
    ];
    const letters = await lettersFromJournal(records, known);
    expect(letters.map(({ runId, path, level }) => [runId, path, level])).toEqual([[id(1), '/u/staff/a', 'full'], [id(8), '/u/staff/c', 'incremental']]);
  });
});

describe('selecting letters', () => {
  it('by code and by directory, whole names only', () => {
    const all = [letter(1), letter(2, { path: '/u/staffing/x' }), letter(3, { code: 'SOURCE_EMPTY' })];
    const ids = (found: readonly DeadLetter[]): string[] => found.map(({ runId }) => runId);
    expect(ids(selectLetters(all, { topdir: '/u/staff/' }))).toEqual([id(1), id(3)]);
    expect(ids(selectLetters(all, { reason: 'STAGING_FULL', topdir: '/u/staff' }))).toEqual([id(1)]);
    expect(ids(selectLetters(all, {}))).toEqual([id(1), id(2), id(3)]);
  });
});
