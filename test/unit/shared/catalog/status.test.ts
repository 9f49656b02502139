import { describe, expect, it } from 'vitest';
import { summarise, type BasepathStatus, type ListedBackup } from '../../../../shared/catalog/index.js';
import { BwError } from '../../../../shared/errors/bw-error.js';
import type { JournalEntry, JournalRecord } from '../../../../shared/journal/index.js';
import { BASEPATH, backupIdOf, sampleManifest, T0, type SampleOptions } from './sample-backup.js';

const DAY = 86_400_000;
const at = (day: number): string => new Date(T0 + day * DAY).toISOString();
const record = (day: number, entry: JournalEntry): JournalRecord => ({ v: 1, at: at(day), writer: 'ie01-1', ...entry });
const backup = (options: SampleOptions): ListedBackup => ({ ok: true, manifest: sampleManifest(options) });
const assigned = record(0, { kind: 'basepath-assigned', basepathId: BASEPATH, topdir: '/u/staff', path: '/u/staff/alice', rootInode: '2', owner: '1000', generation: 1 });
const ended = (day: number, outcome: 'failed' | 'interrupted' | 'clean', level: 'full' | 'incremental' = 'incremental'): JournalRecord =>
  record(day, {
    kind: 'attempt-ended', backupId: backupIdOf(day), basepathId: BASEPATH, level, outcome, startedAt: at(day - 0.1), endedAt: at(day), bytes: '0', files: 0,
    error: outcome === 'failed' ? { code: 'DAR_FAILED', message: `day ${day}` } : null,
  });

async function statusOf(records: JournalRecord[], backups: ListedBackup[], day = 10): Promise<BasepathStatus> {
  const [status] = await summarise(records, backups, T0 + day * DAY);
  if (status === undefined) throw new Error('no status');
  return status;
}

describe('summarise', () => {
  it('describes the newest capture, the newest full and their ages', async () => {
    const status = await statusOf([assigned], [backup({ capturedDay: 2 }), backup({ capturedDay: 5, level: 'incremental' }), backup({ capturedDay: 1, backupId: backupIdOf(7) })]);
    expect(status).toMatchObject({
      id: BASEPATH, path: '/u/staff/alice', topdir: '/u/staff', state: 'ok', outcome: 'clean', files: 12, bytes: '9007199254740993', exceptions: 0,
      lastSealed: { level: 'incremental', capturedAt: at(5) }, lastFull: { capturedAt: at(2) }, ageMs: 5 * DAY, fullAgeMs: 8 * DAY, lastError: null, lostBackup: null,
    });
  });

  it.each<[BasepathStatus['state'], string, JournalRecord[], ListedBackup[]]>([
    ['never', 'nothing sealed', [assigned], []],
    ['never', 'nothing sealed, and failing', [assigned, ended(1, 'failed')], []],
    ['ok', 'a failure settled by a later backup', [assigned, ended(1, 'failed')], [backup({ capturedDay: 2 })]],
    ['ok', 'an interruption', [assigned, ended(3, 'interrupted')], [backup({ capturedDay: 2 })]],
    ['exceptions', 'paths not saved', [assigned], [backup({ capturedDay: 2, exceptions: 3 })]],
    ['failed-since', 'a failure after the newest', [assigned, ended(3, 'failed')], [backup({ capturedDay: 2 })]],
    ['failed-since', 'a failed full, though incrementals go on', [assigned, ended(3, 'failed', 'full')], [backup({ capturedDay: 2 }), backup({ capturedDay: 4, level: 'incremental' })]],
    ['ok', 'a failed full and a later full', [assigned, ended(3, 'failed', 'full')], [backup({ capturedDay: 4 })]],
    ['deleted', 'the directory is gone', [assigned, record(3, { kind: 'basepath-seen-deleted', basepathId: BASEPATH, path: '/u/staff/alice' })], [backup({ capturedDay: 2 })]],
    ['ok', 'gone and back', [record(3, { kind: 'basepath-seen-deleted', basepathId: BASEPATH, path: '/u/staff/alice' }), assigned], [backup({ capturedDay: 2 })]],
  ])('is %s: %s', async (state, _, records, backups) => {
    expect((await statusOf(records, backups)).state).toBe(state);
  });

  it('keeps the error of the newest open failure', async () => {
    const status = await statusOf([assigned, ended(3, 'failed'), ended(4, 'failed', 'full'), ended(5, 'failed')], [backup({ capturedDay: 1 })]);
    expect(status.lastError).toEqual({ backupId: backupIdOf(5), code: 'DAR_FAILED', message: 'day 5', at: at(5), level: 'incremental', dismissed: false });
    expect(status.lastAttempt).toMatchObject({ outcome: 'failed', endedAt: at(5) });
  });

  it('knows a failure that an operator dismissed, and not the one after it', async () => {
    const dismissed = record(6, { kind: 'dismissed', basepathId: BASEPATH, backupId: backupIdOf(5), reason: 'known' });
    expect((await statusOf([assigned, ended(5, 'failed'), dismissed], [])).lastError).toMatchObject({ backupId: backupIdOf(5), dismissed: true });
    expect((await statusOf([assigned, ended(5, 'failed'), dismissed, ended(7, 'failed')], [])).lastError).toMatchObject({ backupId: backupIdOf(7), dismissed: false });
  });

  it('shows an attempt without end as running', async () => {
    const started = record(6, { kind: 'attempt-started', backupId: backupIdOf(6), basepathId: BASEPATH, level: 'full', host: 'ie01' });
    expect((await statusOf([ended(5, 'failed'), started], [])).lastAttempt).toEqual({ backupId: backupIdOf(6), level: 'full', outcome: 'running', startedAt: at(6), endedAt: null });
  });

  it('misses a backup that was sealed and is not in the catalog, but not one whose manifest is damaged', async () => {
    const sealed = record(4, { kind: 'sealed', backupId: backupIdOf(4), basepathId: BASEPATH });
    const damaged: ListedBackup = { ok: false, error: new BwError('MANIFEST_DAMAGED', { message: '', retry: 'permanent', hint: '' }), dir: '/x', basepathId: BASEPATH, backupId: backupIdOf(4) };
    expect((await statusOf([sealed], [backup({ capturedDay: 2 })])).lostBackup).toBe(backupIdOf(4));
    expect(await statusOf([sealed], [backup({ capturedDay: 2 }), damaged])).toMatchObject({ lostBackup: null, damagedManifests: 1 });
  });

  it('knows the last verification, and the last drill that succeeded', async () => {
    const looked = { backupId: backupIdOf(4), basepathId: BASEPATH, error: null, bytes: '1', files: 1, samplePercent: 5, seed: 's', recalledObjects: 0, recalledBytes: '0' };
    const verified = record(6, { kind: 'verified', ...looked, method: 'restore-drill', outcome: 'sound' });
    const damaged = record(7, { kind: 'verified', ...looked, method: 'slices', outcome: 'damaged' });
    expect(await statusOf([verified, damaged], [])).toMatchObject({ lastVerified: { at: at(7), outcome: 'damaged' }, lastProven: { backupId: backupIdOf(4), at: at(6), samplePercent: 5 } });
    expect((await statusOf([verified], [])).lastVerified).toEqual({ backupId: backupIdOf(4), at: at(6), method: 'restore-drill', outcome: 'sound' });
  });

  it('takes the path from a manifest where the journal is lost, and sorts by id', async () => {
    const statuses = await summarise([], [backup({ basepathId: 'zoe-1' }), backup({ basepathId: 'bob-1' })], T0);
    expect(statuses.map(({ id, path }) => [id, path])).toEqual([['bob-1', '/u/staff/alice'], ['zoe-1', '/u/staff/alice']]);
  });

  it('streams 5,000 basepaths of 100 backups in little memory', { timeout: 60_000 }, async () => {
    const template = sampleManifest();
    async function* backups(): AsyncGenerator<ListedBackup> {
      for (let basepath = 0; basepath < 5_000; basepath += 1) {
        for (let day = 0; day < 100; day += 1) {
          yield { ok: true, manifest: { ...template, basepathId: `b${basepath}`, capturedAt: at(day), logs: Array.from({ length: 5 }, () => template.index) } };
        }
        await Promise.resolve();
      }
    }
    const before = process.memoryUsage().heapUsed;
    const statuses = await summarise([], backups(), T0 + 100 * DAY);
    expect(statuses).toHaveLength(5_000);
    expect(statuses.every((status) => status.ageMs === DAY)).toBe(true);
    // 500,000 such manifests held would be more than 300 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(150e6);
  });
});
