// Removal from the rule to the last byte: tombstones, undelete, erasure, what is kept stays restorable.
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bringBack } from '../../../producer/retention/apply-prune.js';
import { pruneSite } from '../../../producer/retention/prune-site.js';
import { readJournal } from '../../../shared/journal/index.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { readClaims } from '../../../shared/retention/claims.js';
import { adoptMissing } from '../../../shared/recovery/adopt-missing.js';
import { newestOf } from '../../../shared/runs/newest.js';
import { backUpLevel, keepCopy, restoreDifferences, sealed } from '../../helpers/chain.js';
import { orderRestore, restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { drained } from './drained.js';

const RETENTION = { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' };

async function siteWith(retention: Readonly<Record<string, unknown>> = RETENTION): Promise<TestSite> {
  const site = await testSite({ settings: { retention } });
  await mkdir(join(site.topdir, 'alice'));
  return site;
}

async function change(site: TestSite, name: string, content = name): Promise<void> {
  await writeFile(join(site.topdir, 'alice', name), content);
}

/** full, incremental, full: retention lets the first two go. */
async function threeBackups(site: TestSite): Promise<[Manifest, Manifest, Manifest]> {
  await change(site, 'one');
  const first = await sealed(site, 'alice', 'full');
  await change(site, 'two');
  const second = await sealed(site, 'alice', 'incremental');
  await change(site, 'three');
  return [first, second, await sealed(site, 'alice', 'full')];
}

const idsOf = async (site: TestSite): Promise<string[]> => (await site.manifests()).map(({ backupId }) => backupId);
const inLts = async (site: TestSite): Promise<string[]> => (await readdir(join(site.dir, 'lts', 'alice'))).sort();
const inCatalog = async (site: TestSite): Promise<string[]> => (await readdir(join(site.dir, 'catalog', 'backups', 'alice'))).sort();

describe('prune', () => {
  it('gives tombstones first, erases after the grace period, and what is kept is restored as it was', async () => {
    const site = await siteWith();
    const [first, second, third] = await threeBackups(site);
    const copy = await keepCopy(join(site.topdir, 'alice'), join(site.dir, 'copy'));
    const pruned = await site.producer.prune();
    expect(pruned).toMatchObject({ removed: [second.backupId, first.backupId], erasing: 0 });
    expect(await idsOf(site)).toEqual([third.backupId]);
    expect(await inLts(site)).toEqual([first, second, third].map(({ backupId }) => backupId));
    expect(await site.producer.prune()).toMatchObject({ removed: [], erasing: 2 });
    await drained(site);
    expect(await inLts(site)).toEqual([third.backupId]);
    expect(await inCatalog(site)).toEqual([third.backupId]);
    expect(await restoreDifferences(site, third, copy)).toEqual([]);
    expect(await site.producer.prune()).toMatchObject({ removed: [], erasing: 0 });
  });

  it('hides removed backups from everyone, and refuses to restore one, saying how it comes back', async () => {
    const site = await siteWith({ ...RETENTION, gracePeriod: '1d' });
    const [first] = await threeBackups(site);
    await site.producer.prune();
    await expect(site.catalog.findBackup(first.backupId)).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND', hint: expect.stringContaining('undelete') as string });
    const ended = await restore(site, first, { target: join(site.dir, 'restore', 'x') });
    expect(ended).toMatchObject({ state: 'failed', reason: expect.stringContaining('undelete') as string });
    expect((await adoptMissing(site.catalog, site.worker.context.backends)).adopted).toEqual([]);
    expect(await idsOf(site)).toHaveLength(1);
  });

  it('undelete brings a backup back with its ancestors, and the next prune leaves it for a grace period', async () => {
    const site = await siteWith({ ...RETENTION, gracePeriod: '1d' });
    await change(site, 'one');
    const first = await sealed(site, 'alice', 'full');
    await change(site, 'two');
    const second = await sealed(site, 'alice', 'incremental');
    const copy = await keepCopy(join(site.topdir, 'alice'), join(site.dir, 'copy'));
    await change(site, 'three');
    const third = await sealed(site, 'alice', 'full');
    await site.producer.prune();
    const { queues, journal } = site.worker.context;
    expect(await bringBack({ catalog: site.catalog, journal, queues, onProblem: (problem) => { throw new Error(JSON.stringify(problem)); } }, 'alice', second.backupId)).toEqual([first.backupId, second.backupId]);
    expect(await restoreDifferences(site, second, copy)).toEqual([]);
    expect((await site.producer.prune()).removed).toEqual([]);
    expect(await idsOf(site)).toEqual([first, second, third].map(({ backupId }) => backupId));
  });

  it('goes on with an erasure that was cut off, and never takes a half-erased backup for one', async () => {
    const site = await siteWith();
    const [first, second, third] = await threeBackups(site);
    await site.producer.prune();
    const { graves } = site.catalog;
    const claims = (): Promise<Map<string, string>> => readClaims(site.worker.context.runs, site.worker.context.queues);
    // The eraser died after the manifest and one object were gone from LTS.
    expect(await graves.beginErase('alice', second.backupId, { claims, isHeld: () => Promise.resolve(false) })).toBe('erasing');
    const [backend] = site.worker.context.backends;
    const slice = second.archives[0]?.slices[0]?.locations['lts']?.object ?? '';
    await backend?.remove([`alice/${second.backupId}/manifest.json`, slice]);
    expect((await adoptMissing(site.catalog, site.worker.context.backends)).adopted).toEqual([]);
    await expect(graves.undelete('alice', second.backupId)).rejects.toMatchObject({ code: 'UNDELETE_ERASED' });
    expect((await site.producer.prune()).erasing).toBe(2);
    await drained(site);
    expect(await inCatalog(site)).toEqual([third.backupId]);
    expect(await inLts(site)).toEqual([third.backupId]);
    await expect(access(join(site.dir, 'lts', 'alice', first.backupId))).rejects.toThrow('ENOENT');
  });

  it('waits for an operator when a change of retention would remove more than its share', async () => {
    const site = await siteWith({ ...RETENTION, maxRemoveShare: '20%' });
    await threeBackups(site);
    expect(await site.producer.prune()).toMatchObject({ removed: [], erasing: 0 });
    expect(await idsOf(site)).toHaveLength(3);
  });

  it('leaves everything where no rule is configured', async () => {
    const site = await siteWith({});
    await threeBackups(site);
    expect((await site.producer.prune()).removed).toEqual([]);
    expect(await idsOf(site)).toHaveLength(3);
  });

  it('does not remove what a waiting restore needs, nor its ancestors', async () => {
    const site = await testSite({ settings: { retention: RETENTION } });
    await mkdir(join(site.topdir, 'alice'));
    const [first, second] = await threeBackups(site);
    await site.worker.context.queues.backup.pause();
    const jobId = await orderRestore(site, second, { target: join(site.dir, 'restore', 'x') });
    expect(await site.producer.prune()).toMatchObject({ removed: [] });
    await site.worker.context.queues.backup.resume();
    const [ended] = await site.waitFor([jobId]);
    expect(ended?.state).toBe('completed');
    expect((await site.producer.prune()).removed).toEqual([second.backupId, first.backupId]);
  });

  it('a backup never seals on a parent that was removed, and the next one chooses another', async () => {
    const site = await siteWith();
    await change(site, 'one');
    const first = await sealed(site, 'alice', 'full');
    const tombstone = { removedAt: new Date().toISOString(), eraseAfter: new Date(Date.now() + 86_400_000).toISOString(), reason: 'a test' };
    await site.catalog.graves.bury({ basepathId: 'alice', backupIds: [first.backupId], tombstone }, () => Promise.resolve(new Map()));
    await change(site, 'two');
    expect((await backUpLevel(site, 'alice', 'incremental')).reason).toContain('PARENT_MISSING');
    const second = await sealed(site, 'alice', 'full');
    await change(site, 'three');
    expect((await sealed(site, 'alice', 'incremental')).parent).toBe(second.backupId);
    expect((await newestOf(site.worker.context.queues.redis, 'alice'))?.level).toBe('incremental');
  });

  it('only the eraser deletes in LTS; what it deletes is on record, and counted', async () => {
    const site = await testSite({ settings: { retention: RETENTION, removal: { eraser: 'tape-host' } } });
    await mkdir(join(site.topdir, 'alice'));
    const [first, second, third] = await threeBackups(site);
    await site.producer.prune();
    expect((await site.producer.prune()).erasing).toBe(2);
    const { queues } = site.worker.context;
    expect((await queues.cleanupOf('tape-host').getJobs(['prioritized'])).map(({ name }) => name).sort()).toEqual(['erase']);
    await drained(site);
    expect(await inLts(site)).toHaveLength(3);
    const eraser = await site.addWorker('tape-host');
    await drainCleanup(queues, 'tape-host');
    expect(await inLts(site)).toEqual([third.backupId]);
    const erased: string[] = [];
    for await (const { backupId, bytes } of readJournal(site.catalog.journalDir, { kinds: ['erased'], onProblem: () => undefined })) if (BigInt(bytes) > 0n) erased.push(backupId);
    expect(erased.sort()).toEqual([first.backupId, second.backupId].sort());
    expect(await eraser.metrics.render()).toMatch(/bw_backups_erased_total\{[^}]*\} 2/);
  });

  it('a basepath may have a retention of its own', async () => {
    const site = await testSite({ settings: { retention: RETENTION }, topdir: { basepaths: [{ path: 'alice', retention: { keepLast: 2, gracePeriod: '3d' } }] } });
    await mkdir(join(site.topdir, 'alice'));
    for (const name of ['one', 'two', 'three']) {
      await change(site, name);
      await site.backUp();
      await sealed(site, 'alice', 'full');
    }
    const before = await idsOf(site);
    const { removed } = await site.producer.prune();
    // The scans gave alice an id of its own beside the one of the test, whose path the registry does not know: both are /alice.
    expect(removed.length).toBeGreaterThan(0);
    const left = (await site.manifests()).map(({ basepathId }) => basepathId);
    expect(left.filter((id) => id === 'alice')).toHaveLength(2);
    expect(before.length - removed.length).toBe(left.length);
    for await (const { tombstone } of site.catalog.listRemoved()) {
      expect(Date.parse(tombstone?.eraseAfter ?? '') - Date.parse(tombstone?.removedAt ?? '')).toBe(3 * 86_400_000);
    }
  });

  it('all backups of a basepath that is gone are kept for a time, then go, the newest too', async () => {
    const site = await siteWith({ keepLast: 1, deletedBasepaths: '1d', maxRemoveShare: '100%' });
    await mkdir(join(site.topdir, 'bob'));
    await change(site, 'one');
    await writeFile(join(site.topdir, 'bob', 'b'), 'b');
    await site.backUp();
    const id = (await site.manifests()).find(({ source }) => source.path === join(site.topdir, 'alice'))?.basepathId ?? '';
    await rm(join(site.topdir, 'alice'), { recursive: true });
    expect(await site.producer.tick()).toMatchObject([{ deleted: 1 }]);
    expect((await site.producer.prune()).removed).toEqual([]);
    const { config, catalog } = site;
    const { queues, journal, logger } = site.worker.context;
    const inTwoDays = await pruneSite({ config, catalog, queues, journal, logger, now: () => Date.now() + 2 * 86_400_000 });
    expect(inTwoDays.removed).toHaveLength(1);
    expect((await site.manifests()).map(({ basepathId }) => basepathId)).not.toContain(id);
    expect(await newestOf(queues.redis, id)).toBeNull();
  });
});
