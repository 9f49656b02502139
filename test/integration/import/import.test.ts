import { chmodSync, chownSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { backupsCommand } from '../../../producer/cli/backups-command.js';
import { findCommand } from '../../../producer/cli/find-command.js';
import { historyCommand } from '../../../producer/cli/history-command.js';
import { importCommand, importOutput, type ImportOptions } from '../../../producer/cli/import-command.js';
import { backupsOutput } from '../../../producer/cli/outputs.js';
import { statusCommand } from '../../../producer/cli/status-command.js';
import { findLine, historyLine } from '../../../producer/cli/version-outputs.js';
import { enqueueVerify } from '../../../producer/scheduler/enqueue-verify.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { run } from '../../../shared/process/index.js';
import { newestOf } from '../../../shared/runs/newest.js';
import { rebuildIndex } from '../../../shared/runs/rebuild-index.js';
import { verifyResultSchema, type VerifyResult } from '../../../shared/verify/result.js';
import { backUpLevel, keepCopy, restoreDifferences, sealed } from '../../helpers/chain.js';
import { restore } from '../../helpers/restore.js';
import { needsRoot } from '../../helpers/needs.js';
import { testSite, type SiteOptions, type TestSite } from '../../helpers/site.js';

/** A tree as a predecessor saved it, in a directory of the LTS. */
async function start(options: SiteOptions = {}): Promise<{ site: TestSite; root: string; archives: string }> {
  const site = await testSite(options);
  const root = join(site.topdir, 'grace');
  const archives = join(site.dir, 'lts', 'old');
  for (const dir of [join(root, 'docs/sub'), join(root, 'gone/below'), archives]) mkdirSync(dir, { recursive: true });
  for (const name of ['docs/a.txt', 'docs/sub/b.txt', 'gone/below/c', 'gone/d', 'becomes-dir', 'mode', 'odd\nname']) writeFileSync(join(root, name), `first ${name} `.repeat(2000));
  mkdirSync(join(root, 'becomes-file/x'), { recursive: true });
  writeFileSync(join(root, 'becomes-file/x/y'), 'inner');
  linkSync(join(root, 'docs/a.txt'), join(root, 'linked'));
  symlinkSync('docs/a.txt', join(root, 'pointer'));
  chmodSync(join(root, 'docs/sub/b.txt'), 0o4751);
  return { site, root, archives };
}

async function dar(base: string, root: string, ...more: string[]): Promise<string> {
  await run({ program: 'dar', args: ['-c', base, '-R', root, '-Q', '-N', '-s', '20k', '-zgzip:1', '--hash', 'sha512', ...more] });
  return base;
}

async function printed(command: () => Promise<number>): Promise<{ code: number; text: string }> {
  const texts: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => { texts.push(String(text)); return true; });
  try {
    return { code: await command(), text: texts.join('') };
  } finally {
    spy.mockRestore();
  }
}

async function imported(site: TestSite, name: string, options: Omit<ImportOptions, 'config' | 'json'>, code = 0): Promise<Manifest> {
  const { code: ended, text } = await printed(() => importCommand(name, { config: site.configFile, json: true, ...options }));
  expect(ended).toBe(code);
  return site.catalog.findBackup(importOutput.parse(JSON.parse(text)).backupId);
}

async function verify(site: TestSite, { basepathId, backupId }: Manifest): Promise<VerifyResult> {
  const { queues } = site.worker.context;
  const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level: 'restore', samplePercent: 100, recall: false });
  await drainCleanup(queues, 'here');
  const job = await queues.cleanup.getJob(jobId);
  expect(job?.failedReason).toBeUndefined();
  return verifyResultSchema.parse(job?.returnvalue);
}

/** The metadata of the basepath directory itself is not in an archive of dar's. */
async function differencesAfterRestore(site: TestSite, manifest: Manifest, expected: string): Promise<unknown[]> {
  return (await restoreDifferences(site, manifest, expected)).filter(({ path }) => path !== '.');
}

describe('import', () => {
  it('of a whole archive where it lies: searchable, restorable, unverified until verified, and no parent', async (context) => {
    needsRoot(context);
    const { site, root, archives } = await start();
    chownSync(join(root, 'mode'), 1234, 4321);
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    const base = await dar(join(archives, 'grace_full'), root);
    const before = readdirSync(archives);
    const manifest = await imported(site, root, { archive: `${base}.1.dar`, capturedAt: '2020-05-01' });
    expect(manifest).toMatchObject({ level: 'full', parent: null, imported: { from: base }, capturedAt: '2020-05-01T23:59:59.999Z', outcome: 'clean', counts: { records: 17, exceptions: 0 } });
    expect(manifest.archives[0]?.slices.map(({ locations }) => locations['lts']?.object)).toEqual(before.filter((name) => name.endsWith('.dar')).sort().map((name) => `old/${name}`));
    expect(readdirSync(archives)).toEqual(before);

    const options = { config: site.configFile, json: true };
    const found = (await printed(() => findCommand('b.txt', options))).text.trim().split('\n').map((line) => findLine.parse(JSON.parse(line)));
    expect(found).toMatchObject([{ path: 'docs/sub/b.txt', mode: '4751', state: 'saved', backupId: manifest.backupId }]);
    expect((await printed(() => historyCommand(join(root, 'odd\\x0aname'), options))).text).toContain('"state":"saved"');
    const people = { config: site.configFile };
    expect((await printed(() => backupsCommand(undefined, people))).text).toContain('imported, UNVERIFIED');
    expect((await printed(() => statusCommand(people))).text).toMatch(/grace-\w+ +never/);
    expect(await differencesAfterRestore(site, manifest, copy)).toEqual([]);
    const target = join(site.dir, 'restore', 'one');
    await restore(site, manifest, { target, paths: ['docs/sub/b.txt'] });
    expect(readFileSync(join(target, 'docs/sub/b.txt'), 'utf8')).toBe(readFileSync(join(copy, 'docs/sub/b.txt'), 'utf8'));

    expect(await verify(site, manifest)).toMatchObject({ outcome: 'sound', problems: [] });
    const listed = backupsOutput.parse(JSON.parse((await printed(() => backupsCommand(undefined, options))).text));
    expect(listed.backups).toMatchObject([{ imported: true, verified: 'restore-drill' }]);
    const { redis } = site.worker.context.queues;
    await rebuildIndex(redis, site.catalog);
    expect(await newestOf(redis, manifest.basepathId)).toBeNull(); // a full is due as before

    expect(await backUpLevel(site, manifest.basepathId, 'incremental', { path: root })).toMatchObject({ state: 'failed', reason: expect.stringContaining('PARENT_MISSING') as string });
    await expect(importCommand(root, { ...options, archive: base })).rejects.toMatchObject({ code: 'IMPORT_EXISTS' });
  });

  it('of a difference (dar -A): what changed, what is gone, what changed its type', async () => {
    const { site, root, archives } = await start();
    const first = await keepCopy(root, join(site.dir, 'first'));
    const full = await dar(join(archives, 'full'), root);
    rmSync(join(root, 'gone'), { recursive: true });
    rmSync(join(root, 'becomes-dir'));
    mkdirSync(join(root, 'becomes-dir'));
    writeFileSync(join(root, 'becomes-dir/inside'), 'in');
    rmSync(join(root, 'becomes-file'), { recursive: true });
    writeFileSync(join(root, 'becomes-file'), 'file');
    writeFileSync(join(root, 'odd\nname'), 'changed');
    const second = await keepCopy(root, join(site.dir, 'second'));
    const difference = await dar(join(archives, 'difference'), root, '-A', full);
    const parent = await imported(site, root, { archive: full, capturedAt: '2020-05-01' });
    await expect(importCommand(root, { config: site.configFile, archive: difference })).rejects.toMatchObject({ code: 'IMPORT_NEEDS_PARENT' });
    await expect(importCommand(root, { config: site.configFile, archive: difference, parent: parent.backupId, capturedAt: '2020-04-01' })).rejects.toMatchObject({ code: 'IMPORT_PARENT_WRONG' });
    const manifest = await imported(site, root, { archive: difference, parent: parent.backupId, capturedAt: '2020-05-02' });
    expect(manifest).toMatchObject({ level: 'differential', parent: parent.backupId, depth: 1, outcome: 'clean', counts: { removed: 8 } });
    expect(await differencesAfterRestore(site, manifest, second)).toEqual([]);
    expect(await differencesAfterRestore(site, parent, first)).toEqual([]);
    expect(await verify(site, manifest)).toMatchObject({ outcome: 'sound', backups: 2 });
    const rows = (await printed(() => historyCommand(join(root, 'gone/d'), { config: site.configFile, json: true }))).text.trim().split('\n').map((line) => historyLine.parse(JSON.parse(line)));
    expect(rows.map(({ state, backupId }) => [state, backupId])).toEqual([['saved', parent.backupId], ['removed', manifest.backupId]]);
  });

  it('of a difference that holds only new metadata of a file: its older state is kept, flagged, and named', async () => {
    const { site, root, archives } = await start();
    const full = await dar(join(archives, 'full'), root);
    chmodSync(join(root, 'mode'), 0o600);
    const difference = await dar(join(archives, 'difference'), root, '-A', full);
    const parent = await imported(site, root, { archive: full, capturedAt: '2020-05-01' });
    const manifest = await imported(site, root, { archive: difference, parent: parent.backupId, capturedAt: '2020-05-02' }, 3);
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { exceptions: 1, changed: 0, removed: 0 } });
    const rows = (await printed(() => historyCommand(join(root, 'mode'), { config: site.configFile, json: true }))).text.trim().split('\n').map((line) => historyLine.parse(JSON.parse(line)));
    expect(rows.map(({ state, mode, heldBy, flags }) => [state, mode, heldBy, flags])).toEqual([['saved', '644', parent.backupId, ''], ['kept', '644', parent.backupId, 'x']]);
    expect(rows[1]?.reason).toContain('only its owner, mode, times or attributes changed');
    const target = join(site.dir, 'restore', 'mode');
    expect(await restore(site, manifest, { target, paths: ['mode'] })).toMatchObject({ state: 'completed' });
    expect(existsSync(join(target, 'mode'))).toBe(true);
  });

  it('copies an archive from elsewhere, of a basepath that is gone, encrypted with the passphrase of its topdir', async () => {
    const { site, root } = await start({
      prepare: (dir) => {
        writeFileSync(join(dir, 'key'), 'secret\n', { mode: 0o600 });
        return Promise.resolve({ dar: { sliceSize: '64MiB', encryption: { keyFile: join(dir, 'key'), keyId: 'site' } } });
      },
    });
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    const encrypted = await dar(join(site.dir, 'encrypted'), root, '-K', 'aes256:secret');
    const plain = await dar(join(site.dir, 'plain'), root);
    rmSync(root, { recursive: true });
    await expect(importCommand(root, { config: site.configFile, archive: plain })).rejects.toMatchObject({ code: 'IMPORT_OUTSIDE_LTS' });
    for (const [archive, keyId] of [[encrypted, 'site'], [plain, null]] as const) {
      const manifest = await imported(site, root, { archive, copy: true });
      expect(manifest.archives).toMatchObject([{ keyId }]);
      expect(readdirSync(join(site.dir, 'lts', manifest.basepathId, manifest.backupId))).toContain(`${manifest.archives[0]?.name ?? ''}.1.dar`);
      expect(await differencesAfterRestore(site, manifest, copy)).toEqual([]);
      expect(await verify(site, manifest)).toMatchObject({ outcome: 'sound', problems: [] });
    }
    expect(await site.catalog.listWork()).toEqual([]);
  });

  it('refuses what is not all there or not what dar wrote, and seals nothing', async () => {
    const { site, root, archives } = await start();
    const base = await dar(join(archives, 'full'), root, '-1', '0');
    const options = { config: site.configFile, archive: base };
    const slices = readdirSync(archives).filter((name) => name.endsWith('.dar'));
    expect(slices.length).toBeGreaterThan(0);
    writeFileSync(`${base}.1.dar.sha512`, `${'0'.repeat(128)}  full.1.dar\n`);
    await expect(importCommand(root, options)).rejects.toMatchObject({ code: 'IMPORT_SLICE_DAMAGED' });
    rmSync(`${base}.1.dar`);
    await expect(importCommand(root, options)).rejects.toMatchObject({ code: 'IMPORT_NO_SLICES', detail: `missing: ${base}.1.dar` });
    writeFileSync(`${base}.1.dar`, 'no archive');
    rmSync(`${base}.1.dar.sha512`);
    await expect(importCommand(root, options)).rejects.toMatchObject({ code: 'DAR_CATALOGUE_UNREADABLE' });
    expect(await site.manifests()).toEqual([]);
    expect(await site.catalog.listWork()).toEqual([]);
  });

  it('beside backups of our own: they go on as if it were not there', async () => {
    const { site, root, archives } = await start({ settings: { index: { racyWindow: '1ms' } } });
    const base = await dar(join(archives, 'full'), root);
    const own = await sealed(site, 'grace', 'full');
    const manifest = await imported(site, 'grace', { archive: base, capturedAt: new Date(Date.now() + 60_000).toISOString() });
    expect(manifest.basepathId).toBe('grace');
    expect((await site.catalog.newestSealed('grace', () => undefined))?.backupId).toBe(own.backupId);
    expect((await sealed(site, 'grace', 'incremental')).parent).toBe(own.backupId);
  });
});
