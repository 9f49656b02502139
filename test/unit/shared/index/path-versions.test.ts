import { describe, expect, it } from 'vitest';
import { formatRecord, recordKey } from '../../../../shared/index/format.js';
import { BackupHistory, type HistoryBackup } from '../../../../shared/index/path-versions.js';
import { tombstoneLine } from '../../../../shared/index/tombstone.js';
import { makeRecord } from './make-record.js';

const id = (n: number): string => `01M8AG3RME11H1G53WJZA84PK${n}`;
const backup = (n: number, parent: number | null, day = n): HistoryBackup => ({ backupId: id(n), parent: parent === null ? null : id(parent), capturedAt: `2026-05-0${day}T00:00:00.000Z` });
const base = makeRecord('a', { archive: '1.1' });
const line = (fields: Parameters<typeof makeRecord>[1] = {}): string => formatRecord({ ...base, ...fields });
const gone = tombstoneLine(recordKey(base));

/** `first-last state size held`. */
function told(history: BackupHistory, lines: Record<number, string>, reasons: Record<number, string> = {}): string[] {
  const numbered = <T>(of: Record<number, T>): Map<number, T> => new Map(Object.entries(of).map(([n, value]) => [Number(n), value]));
  return history.versions(numbered(lines), numbered(reasons)).map(({ first, last, state, record, heldBy, reason }) =>
    [`${first}-${last}`, state, record?.size ?? '-', heldBy === null ? '-' : `by ${heldBy.at(-1) ?? ''}`, ...(reason === null ? [] : [reason])].join(' '));
}

const CHAIN = new BackupHistory([backup(0, null, 1), backup(1, 0, 2), backup(2, 1, 3), backup(3, 2, 4)]);

describe('versions of a path', () => {
  it('begin with the first backup that has it; one that says nothing has what its parent has', () => {
    expect(told(CHAIN, { 1: line({ size: '5' }), 3: line({ size: '7' }) })).toEqual(['1-2 saved 5 by 1', '3-3 saved 7 by 3']);
  });

  it('end where it was removed, and begin again', () => {
    expect(told(CHAIN, { 0: line(), 1: gone, 3: line() })).toEqual(['0-0 saved 10 by 0', '1-2 removed - -', '3-3 saved 10 by 3']);
  });

  it('of a flagged record: kept, with the backup whose archive holds it', () => {
    expect(told(CHAIN, { 0: line(), 2: line({ flags: 'x', archive: `1.1@${id(0)}` }) }, { 2: 'not saved (Permission denied)' })).toEqual(['0-1 saved 10 by 0', '2-2 kept 10 by 0 not saved (Permission denied)', '3-3 kept 10 by 0']);
  });

  it('that nothing holds: an exception, not a removal', () => {
    expect(told(CHAIN, { 2: line() }, { 0: 'not saved' })).toEqual(['0-0 not-saved - - not saved', '1-1 absent - -', '2-3 saved 10 by 2']);
    expect(told(CHAIN, { 0: line({ flags: 'u', archive: '' }) })).toEqual(['0-3 not-saved 10 -']);
  });

  it('of two chains side by side, in order of capture: a full that took long, and the incrementals of the old chain meanwhile', () => {
    const history = new BackupHistory([backup(0, null, 1), backup(2, null, 2), backup(1, 0, 3), backup(3, 2, 4)]);
    expect(history.backups.map(({ backupId }) => backupId.at(-1))).toEqual(['0', '2', '1', '3']);
    // The old chain says it was removed; the new full, captured before that, still has it; its child says so too.
    expect(told(history, { 0: line(), 1: line(), 2: gone, 3: gone })).toEqual(['0-1 saved 10 by 0', '2-3 removed - -']);
    // A full without it proves nothing of why: it may have been excluded.
    expect(told(history, { 0: line() })).toEqual(['0-0 saved 10 by 0', '1-1 absent - -', '2-2 saved 10 by 0', '3-3 absent - -']);
  });

  it('of a later full that found the same are the same version; another owner is another version', () => {
    const history = new BackupHistory([backup(0, null, 1), backup(1, null, 2), backup(2, null, 3)]);
    expect(told(history, { 0: line(), 1: line({ archive: '7.1', nlink: 2 }), 2: line({ uid: '5' }) })).toEqual(['0-1 saved 10 by 0', '2-2 saved 10 by 2']);
  });

  it('leave out backups whose chain is not whole', () => {
    const history = new BackupHistory([backup(0, null, 1), backup(2, 1, 3), backup(3, 2, 4)]);
    expect([history.backups, history.broken].map((list) => list.map(({ backupId }) => backupId.at(-1)))).toEqual([['0'], ['2', '3']]);
  });
});
