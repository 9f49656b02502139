// Renamed and reused basepaths, from the scan to the restore. The producer and the worker run; operators' commands are called as functions.
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renameCommand } from '../../../producer/cli/removal/rename-command.js';
import { resolveBasepath } from '../../../producer/cli/find-basepath.js';
import { restoreRequest } from '../../../producer/cli/restore-request.js';
import { openSite, type Site } from '../../../producer/cli/site.js';
import { readBasepaths, proposeRenames } from '../../../shared/basepaths/index.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { backUpLevel, keepCopy, restoreDifferences } from '../../helpers/chain.js';
import { needsRoot } from '../../helpers/needs.js';
import { testSite, type TestSite } from '../../helpers/site.js';

async function write(site: TestSite, path: string, content: string): Promise<void> {
  await mkdir(join(site.topdir, path, '..'), { recursive: true });
  await writeFile(join(site.topdir, path), content);
}

/** Restores may go back to where they came from. */
const inPlaceAllowed = (dir: string): Promise<Record<string, unknown>> => Promise.resolve({ restore: { allowedTargets: [join(dir, 'restore'), join(dir, 'top')] } });

const cli = (site: TestSite): Promise<Site> => openSite({ config: site.configFile }, { directories: 'skip', component: 'cli' });
const idOf = async (site: TestSite, name: string): Promise<string> => (await resolveBasepath(await cli(site), join(site.topdir, name))).basepathId;

async function backUp(site: TestSite): Promise<void> {
  expect((await site.backUp()).map(({ state, reason }) => ({ state, reason }))).not.toContainEqual(expect.objectContaining({ state: 'failed' }));
}

async function only(site: TestSite, basepathId: string): Promise<Manifest> {
  const [manifest, more] = (await site.manifests()).filter((each) => each.basepathId === basepathId);
  expect(more).toBeUndefined();
  return manifest as Manifest;
}

/** The next backup of a basepath, at the path it has now. */
async function incremental(site: TestSite, basepathId: string, name: string): Promise<Manifest> {
  const ended = await backUpLevel(site, name, 'incremental', { basepathId });
  expect({ state: ended.state, reason: ended.reason }).toEqual({ state: 'completed', reason: null });
  return site.catalog.findBackup(ended.backupId);
}

describe('a renamed basepath', () => {
  it('is proposed, and keeps its chain once an operator says so', async () => {
    const site = await testSite({ prepare: inPlaceAllowed });
    await write(site, 'alice/a.txt', 'one');
    await write(site, 'bob/b.txt', 'stays');
    await backUp(site);
    const id = await idOf(site, 'alice');
    const full = await only(site, id);
    const before = await keepCopy(join(site.topdir, 'alice'), join(site.dir, 'before'));
    await rename(join(site.topdir, 'alice'), join(site.topdir, 'alice-smith'));
    await backUp(site);
    const registry = await readBasepaths(site.catalog.journalDir, () => undefined);
    const retired = await idOf(site, 'alice-smith');
    expect([...proposeRenames(registry.all())].map(([now, old]) => [now, old.basepathId])).toEqual([[retired, id]]);
    expect(await renameCommand(join(site.topdir, 'alice'), join(site.topdir, 'alice-smith'), { config: site.configFile, json: true })).toBe(0);
    expect(await idOf(site, 'alice-smith')).toBe(id);
    expect(await idOf(site, 'alice')).toBe(id);
    await write(site, 'alice-smith/a.txt', 'two');
    const next = await incremental(site, id, 'alice-smith');
    expect(next.parent).toBe(full.backupId);
    expect(await restoreDifferences(site, full, before)).toEqual([]);
    expect(await restoreDifferences(site, next, join(site.topdir, 'alice-smith'))).toEqual([]);
    // The running producer has heard of it: nothing is new, nothing deleted, and what is due is due for the old id.
    const [report] = await site.producer.tick();
    expect(report).toMatchObject({ found: 2, added: 0, deleted: 0, error: null });
    expect(report?.enqueued.map(({ basepathId }) => basepathId)).not.toContain(retired);
    await site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
    expect(await restoreRequest(await cli(site), id, { inPlace: true, onConflict: 'keep', backup: full.backupId })).toMatchObject({ target: join(site.topdir, 'alice-smith') });
    await expect(renameCommand(id, join(site.topdir, 'bob'), { config: site.configFile })).rejects.toMatchObject({ code: 'RENAME_REFUSED' });
  });
});

describe('a reused name', () => {
  it('starts anew: its path means the new one only, the old one is found by its id', async (context) => {
    needsRoot(context);
    const site = await testSite({ settings: { retention: { deletedBasepaths: '1d' } }, prepare: inPlaceAllowed });
    await write(site, 'alice/secret.txt', 'of the old owner');
    await write(site, 'bob/b.txt', 'stays');
    await backUp(site);
    const id = await idOf(site, 'alice');
    const old = await only(site, id);
    const before = await keepCopy(join(site.topdir, 'alice'), join(site.dir, 'before'));
    await rm(join(site.topdir, 'alice'), { recursive: true });
    await write(site, 'alice/mine.txt', 'of the new owner');
    await chown(join(site.topdir, 'alice'), 12345, 12345);
    // Between two scans a backup under the old id refuses what is there now.
    expect((await backUpLevel(site, 'alice', 'incremental', { basepathId: id })).reason).toContain('BASEPATH_REUSED');
    await backUp(site);
    const now = await idOf(site, 'alice');
    expect(now).not.toBe(id);
    const first = await only(site, now);
    expect(first).toMatchObject({ level: 'full', parent: null, counts: { records: 2 } });
    const byPath = await restoreRequest(await cli(site), join(site.topdir, 'alice'), { to: join(site.dir, 'restore', 'x') });
    expect(byPath).toMatchObject({ basepathId: now, backupId: first.backupId });
    await expect(restoreRequest(await cli(site), join(site.topdir, 'alice'), { to: join(site.dir, 'restore', 'x'), backup: old.backupId })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await restoreRequest(await cli(site), id, { to: join(site.dir, 'restore', 'x') })).toMatchObject({ basepathId: id, backupId: old.backupId });
    await expect(restoreRequest(await cli(site), id, { inPlace: true, onConflict: 'overwrite' })).rejects.toMatchObject({ code: 'RESTORE_TARGET_REFUSED', message: expect.stringContaining(now) as string });
    expect(await restoreDifferences(site, old, before)).toEqual([]);
    expect(await readFile(join(site.topdir, 'alice', 'mine.txt'), 'utf8')).toBe('of the new owner');
    // The old one is kept as any basepath that is gone.
    expect((await site.producer.prune()).removed).toEqual([]);
  });
});
