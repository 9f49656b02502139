import { describe, expect, it } from 'vitest';
import { topdirRequest } from '../../../../../producer/cli/topdir-restore/options.js';
import type { TopdirBasepathRow, TopdirTotals } from '../../../../../producer/cli/topdir-restore/outputs.js';
import { summary, totalsLine } from '../../../../../producer/cli/topdir-restore/show.js';
import { rowOf, topdirRestoreLines } from '../../../../../producer/cli/topdir-restore/status-rows.js';

const TOTALS: TopdirTotals = { basepaths: 5, restored: 2, withExceptions: 1, failed: 1, withoutBackup: 1, running: 1, sourceBytes: '4294967296', doneBytes: '1073741824', bytesPerSecond: 1048576, etaMs: 3_720_000 };
const SUBJECT = { target: '/to', resume: 'bw-bkup restore --topdir /top --to /to --resume' };

function row(name: string, state: TopdirBasepathRow['state'], error: string | null = null): TopdirBasepathRow {
  return { basepathId: name, name, backupId: null, capturedAt: null, restoreId: null, state, outcome: null, archiveBytes: 0, problemCount: 0, error };
}

describe('what people read of a restore of a topdir', () => {
  it('how far it is', () => {
    expect(totalsLine(TOTALS)).toBe('25 % · 3 of 4 basepaths · 1.0 GiB of 4.0 GiB · 1.0 MiB/s · 1 running · 1 failed · 1h 02m left');
  });

  it('the end: what failed and why, what had no backup, and the command that does just the rest', () => {
    const rows = [row('a', 'restored'), row('b', 'restored'), row('c d', 'failed', 'RESTORE_OBJECT_MISSING: gone\nhint'), row('e', 'without-backup')];
    expect(summary(SUBJECT, rows, { ...TOTALS, running: 0, basepaths: 4 }, null)).toEqual([
      '2 basepaths restored into /to, 1 of them with exceptions, 1 failed, 1 without backup.',
      '  failed: c d: RESTORE_OBJECT_MISSING: gone',
      '  without backup: e',
      'To do just those that failed: bw-bkup restore --topdir /top --to /to --resume',
    ]);
  });

  it('in status: who does it, or how to go on', () => {
    const seen = { id: '01M85F3RME11H1G53WJZA84PKE', topdir: '/top', target: '/to it', asOf: '2026-05-01T00:00:00.000Z', host: 'ie1', pid: 1, user: 'eve', startedAt: '2026-05-02T00:00:00.000Z', ...counts, running: { a: 'R' }, silentMs: 100 };
    const lines = (silentMs: number) => topdirRestoreLines(rowOf({ ...seen, silentMs }), Date.parse('2026-05-02T03:00:00Z'));
    expect(lines(100)).toEqual(['restore 01M85F3RME11H1G53WJZA84PKE of /top as of 2026-05-01T00:00:00.000Z into /to it, by eve on ie1, begun 3 h ago: 25 % · 3 of 4 basepaths · 1.0 GiB of 4.0 GiB · 1.0 MiB/s · 1 running · 1 failed · 1h 02m left']);
    expect(lines(30_000)[1]).toBe("  Nobody goes on with it. To do so: bw-bkup restore --topdir /top --to '/to it' --resume");
  });
});

const { basepaths, restored: done, withExceptions: exceptions, failed, withoutBackup, sourceBytes, doneBytes, bytesPerSecond, etaMs } = TOTALS;
const counts = { basepaths, done, exceptions, failed, withoutBackup, sourceBytes, doneBytes, bytesPerSecond, etaMs };

describe('options of restore --topdir', () => {
  it.each([
    [{ topdir: '/top' }],
    [{ topdir: '/top', to: '/to', path: ['a'] }],
    [{ topdir: '/top', to: '/to', inPlace: true }],
    [{ topdir: '/top', to: '/to', concurrency: '0' }],
    [{ topdir: '/top', to: '/to', orderBy: 'age' }],
    [{ topdir: '/top', to: '/to', order: '/nowhere/list' }],
    [{ topdir: '/top', to: '/to', at: 'yesterday' }],
  ])('refuses %j', async (options) => {
    await expect(topdirRequest(options)).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('are few', async () => {
    expect(await topdirRequest({ topdir: '/top/', to: '/to/x', at: '2026-05-01' })).toEqual({ topdir: '/top', target: '/to/x', atMs: Date.parse('2026-05-01T23:59:59.999Z'), by: 'size', list: [], concurrency: 4, resume: false });
  });
});
