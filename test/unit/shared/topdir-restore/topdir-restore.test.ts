import { describe, expect, it } from 'vitest';
import type { BasepathRecord } from '../../../../shared/basepaths/index.js';
import { bytePath, type BytePath } from '../../../../shared/paths/byte-path.js';
import { decide, type Known } from '../../../../shared/topdir-restore/decide.js';
import { estimate } from '../../../../shared/topdir-restore/eta.js';
import { cutOff } from '../../../../shared/topdir-restore/on-record.js';
import { orderBasepaths } from '../../../../shared/topdir-restore/order.js';
import { basepathsOf, Choice, type SealedBackup } from '../../../../shared/topdir-restore/plan.js';

const TOP = '/top';

function record(basepathId: string, path: string | BytePath, deletedAt: string | null = null): BasepathRecord {
  return { basepathId, topdir: TOP, path: path as BytePath, rootInode: '1', owner: '0', generation: 1, filesystem: null, formerPaths: [], deletedAt };
}

function backup(basepathId: string, day: number, fields: Partial<SealedBackup> = {}): SealedBackup {
  const capturedAt = `2026-05-0${day}T00:00:00.000Z`;
  return { basepathId, backupId: `${basepathId}-${day}`, topdir: TOP, path: bytePath.fromText(`/top/${basepathId}`), capturedAt, sourceBytes: 10n, records: 1, changed: false, ...fields };
}

function chosen(atMs: number, ...backups: SealedBackup[]) {
  const choice = new Choice(atMs);
  for (const each of backups) choice.add(each);
  return choice.chosen;
}

const AT = Date.parse('2026-05-03T12:00:00Z');

describe('what a topdir had at a time', () => {
  it('is the backup of each that was captured last before it, whatever the order they are read in', () => {
    const found = chosen(AT, backup('a', 3), backup('a', 4), backup('a', 1), backup('b', 4));
    expect([...found].map(([id, { backupId }]) => [id, backupId])).toEqual([['a', 'a-3']]);
  });

  it('names what has no backup, brings back what went later, and leaves out what was gone', () => {
    const registry = [record('a', '/top/a'), record('new', '/top/new'), record('gone', '/top/gone', '2026-05-02T00:00:00.000Z'), { ...record('other', '/else/x'), topdir: '/else' }];
    const found = basepathsOf(TOP, registry, chosen(AT, backup('a', 1), backup('gone', 1), backup('lost', 2), backup('other', 1)));
    expect(found.map(({ basepathId, name, backup: of }) => [basepathId, name, of?.backupId ?? null])).toEqual([['a', 'a', 'a-1'], ['lost', 'lost', 'lost-2'], ['new', 'new', null]]);
  });

  it('has the names of then, and an id where a name cannot be given to other tools or is taken', () => {
    const latin1 = bytePath.fromBuffer(Buffer.from([...Buffer.from('/top/caf'), 0xe9]));
    const registry = [record('renamed', '/top/before'), record('caf_-1', latin1), record('one', '/top/same'), record('two', '/top/same')];
    const found = basepathsOf(TOP, registry, chosen(AT, backup('renamed', 1, { path: bytePath.fromText('/top/long-ago') })));
    expect(found.map(({ basepathId, name }) => [basepathId, name])).toEqual([['renamed', 'before'], ['caf_-1', 'caf_-1'], ['one', 'same'], ['two', 'two']]);
  });

  it('comes smallest first, by name, or what changed last first; what a list names before all others', () => {
    const backups = [backup('a', 1, { sourceBytes: 30n, changed: true }), backup('a', 2, { sourceBytes: 30n }), backup('b', 2, { sourceBytes: 1n, changed: true }), backup('c', 1, { sourceBytes: 20n })];
    const found = basepathsOf(TOP, [record('d', '/top/d')], chosen(AT, ...backups));
    const names = (by: 'size' | 'name' | 'activity', list: string[] = []) => orderBasepaths(TOP, found, by, list).basepaths.map(({ name }) => name).join(' ');
    expect([names('size'), names('name'), names('activity')]).toEqual(['d b c a', 'a b c d', 'b a c d']);
    expect(names('size', ['# first', '/top/c/', '', 'a', 'c'])).toBe('c a d b');
    expect(orderBasepaths(TOP, found, 'name', ['a', 'nobody']).unknown).toEqual(['nobody']);
  });
});

describe('what is to do of one basepath', () => {
  const since = '2026-05-05T00:00:00.000Z';
  const begun = { v: 1 as const, at: '2026-05-05T01:00:00.000Z', writer: 'w', kind: 'restore-begun' as const, restoreId: 'R1', backupId: 'B1', basepathId: 'a', target: '/to/a', paths: [], conflict: 'refuse' as const, origin: 'R0', directory: '77' };
  const known = (change: Partial<Known>): Known => ({ basepathId: 'a', backupId: 'B1', earlier: { begun, outcome: null, bytes: '0' }, running: null, directory: '77', since, ...change });
  const ended = (outcome: 'clean' | 'with-exceptions' | 'failed' | 'interrupted') => ({ earlier: { begun, outcome, bytes: '12' } });

  it.each<[string, Partial<Known>, string]>([
    ['nothing is on record', { earlier: null, directory: null }, 'begin B1'],
    ['it was completed', ended('clean'), 'done B1'],
    ['it was completed with exceptions', ended('with-exceptions'), 'done B1'],
    ['it failed', ended('failed'), 'resume B1'],
    ['it was interrupted, or its end was not seen', {}, 'resume B1'],
    ['it runs', { running: { restoreId: 'R2', backupId: 'B1' } }, 'wait B1'],
    ['its directory is gone since', { ...ended('clean'), directory: null }, 'begin B1'],
    ['its directory is another one', { ...ended('clean'), directory: '78' }, 'begin B1'],
    ['another backup would be chosen today', { ...ended('failed'), backupId: 'B2' }, 'resume B1'],
    ['what is there was restored before, from another backup', { ...ended('clean'), backupId: 'B2', since: '2026-05-06T00:00:00.000Z' }, 'begin B2'],
    ['what is there is of another basepath', { ...ended('clean'), basepathId: 'b' }, 'begin B1'],
  ])('%s', (_, change, expected) => {
    const decision = decide(known(change));
    expect(`${decision.do} ${decision.backupId}`).toBe(expected);
    if (decision.do === 'resume') expect(decision.origin).toBe('R0');
  });
});

describe('restores of topdirs that were cut off', () => {
  const begun = (topdirRestoreId: string, target: string, at = '2026-05-05T00:00:00.000Z') => ({ v: 1 as const, at, writer: 'w', kind: 'topdir-restore-begun' as const, topdirRestoreId, topdir: TOP, target, asOf: at, basepaths: 1 });
  const ended = (outcome: 'clean' | 'failed' | 'interrupted') => ({ ...begun('', ''), kind: 'topdir-restore-ended' as const, outcome, restored: 0, failed: 0, withoutBackup: 0, startedAt: '', endedAt: '' });

  it('are the newest into their directory, of the last month, that nobody does', () => {
    const all = [
      { begun: begun('again', '/a'), ended: null },
      { begun: begun('crashed', '/a'), ended: null },
      { begun: begun('stopped', '/b'), ended: ended('interrupted') },
      { begun: begun('done', '/c'), ended: ended('clean') },
      { begun: begun('failed', '/d'), ended: ended('failed') },
      { begun: begun('runs', '/e'), ended: null },
      { begun: begun('old', '/f', '2026-01-01T00:00:00.000Z'), ended: null },
    ];
    expect(cutOff(all, new Set(['runs']), AT).map(({ begun: { topdirRestoreId } }) => topdirRestoreId)).toEqual(['crashed', 'stopped']);
  });
});

describe('how long it still takes', () => {
  const MIB = 1024 * 1024;

  it('is told by the pace so far, in which small files count too', () => {
    const planned = [{ bytes: 100 * MIB, entries: 0 }, { bytes: 100 * MIB, entries: 0 }, { bytes: 0, entries: 6400 }];
    const told = estimate({ planned, ended: [{ bytes: 100 * MIB, entries: 0 }], running: [{ bytes: 100 * MIB, entries: 0, share: 0.5 }], elapsedMs: 15_000 });
    expect(told).toEqual({ doneBytes: 150 * MIB, doneEntries: 0, bytesPerSecond: 10 * MIB, etaMs: 25_000 }); // 50 MiB, and what 6400 entries are worth: 200 MiB
  });

  it('is not told from nothing', () => {
    const planned = [{ bytes: 100, entries: 1 }];
    expect(estimate({ planned, ended: [], running: [], elapsedMs: 60_000 }).etaMs).toBeNull();
    expect(estimate({ planned, ended: [], running: [{ bytes: 100, entries: 1, share: 0.5 }], elapsedMs: 1_000 })).toMatchObject({ etaMs: null, bytesPerSecond: null });
    expect(estimate({ planned, ended: planned, running: [], elapsedMs: 9_000 }).etaMs).toBe(0);
  });
});
