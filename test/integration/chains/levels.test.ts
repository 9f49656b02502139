import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { run } from '../../../shared/process/index.js';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { backUpLevel, keepCopy, objectsOf, replayDifferences, restoreDifferences, sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';

/** No racy window: these backups follow each other within milliseconds, and a kernel's clock tick is what tells changes apart. */
const SETTINGS = { index: { racyWindow: '1ms' }, shards: { maxFiles: 20 } };

interface Point {
  readonly manifest: Manifest;
  readonly copy: string;
}

async function point(site: TestSite, name: string, level: Manifest['level'], points: Point[]): Promise<Manifest> {
  await new Promise((resolve) => setTimeout(resolve, 20)); // file times have the resolution of the kernel's tick
  const copy = await keepCopy(join(site.topdir, name), join(site.dir, `copy-${points.length}`));
  const manifest = await sealed(site, name, level);
  points.push({ manifest, copy });
  return manifest;
}

async function expectAll(site: TestSite, points: readonly Point[]): Promise<void> {
  await drainCleanupAndKits(site.worker.context.queues, 'here');
  for (const [i, { manifest, copy }] of points.entries()) {
    expect({ point: i, by: 'bw-bkup', differences: await restoreDifferences(site, manifest, copy) }).toEqual({ point: i, by: 'bw-bkup', differences: [] });
    expect({ point: i, by: 'dar', differences: await replayDifferences(site, manifest, copy) }).toEqual({ point: i, by: 'dar', differences: [] });
  }
}

function makeTree(root: string): void {
  for (const dir of ['docs/old', 'docs/new', 'src/deep/er', 'gone/below', 'links', 'swap-a', 'swap-b']) mkdirSync(join(root, dir), { recursive: true });
  for (let i = 0; i < 12; i++) writeFileSync(join(root, 'docs/old', `file-${i}`), `old ${i}`);
  for (const name of ['docs/new/a', 'src/main.c', 'src/deep/er/x', 'gone/below/y', 'gone/z', 'swap-a/same', 'swap-b/same', 'plain', 'mode-only', 'old-time']) writeFileSync(join(root, name), `content of ${name}`);
  writeFileSync(join(root, 'links/one'), 'linked');
  for (const name of ['links/two', 'docs/three']) linkSync(join(root, 'links/one'), join(root, name));
  symlinkSync('plain', join(root, 'pointer'));
  writeFileSync(join(root, 'odd\nname'), 'newline');
}

describe('a chain', () => {
  it('holds every change: files, renamed and swapped directories, links, types, modes, removals, names with a newline', async () => {
    const site = await testSite({ settings: SETTINGS });
    const root = join(site.topdir, 'amy');
    mkdirSync(root);
    makeTree(root);
    const points: Point[] = [];
    const full = await point(site, 'amy', 'full', points);

    writeFileSync(join(root, 'src/main.c'), 'new content');
    writeFileSync(join(root, 'src/added'), 'added');
    rmSync(join(root, 'gone'), { recursive: true });
    renameSync(join(root, 'docs/old'), join(root, 'docs/renamed'));
    chmodSync(join(root, 'mode-only'), 0o640);
    const first = await point(site, 'amy', 'incremental', points);
    expect(first).toMatchObject({ level: 'incremental', parent: full.backupId, depth: 1, outcome: 'clean' });
    expect(first.archives.map(({ kind }) => kind)).toContain('removals');

    renameSync(join(root, 'swap-a'), join(root, 'swap-c'));
    renameSync(join(root, 'swap-b'), join(root, 'swap-a'));
    renameSync(join(root, 'swap-c'), join(root, 'swap-b'));
    writeFileSync(join(root, 'links/one'), 'all three changed');
    rmSync(join(root, 'links/two'));
    rmSync(join(root, 'plain'));
    mkdirSync(join(root, 'plain'));
    writeFileSync(join(root, 'plain/inside'), 'a directory now');
    rmSync(join(root, 'src'), { recursive: true });
    writeFileSync(join(root, 'src'), 'a file now');
    rmSync(join(root, 'odd\nname'));
    mkdirSync(join(root, 'odd\nname'));
    writeFileSync(join(root, 'odd\nname', 'inner'), '1');
    utimesSync(join(root, 'old-time'), 1_000_000_000, 1_000_000_000);
    const second = await point(site, 'amy', 'incremental', points);
    expect(second).toMatchObject({ parent: first.backupId, depth: 2, outcome: 'clean' });

    rmSync(join(root, 'odd\nname', 'inner'));
    writeFileSync(join(root, 'odd\nname', 'other'), '2');
    await run({ program: 'setfattr', args: ['-n', 'user.only', '-v', 'x', join(root, 'docs/renamed/file-3')] });
    await run({ program: 'setfacl', args: ['-m', 'u:12:rx', '-d', '-m', 'u:13:rwx', join(root, 'docs')] });
    chmodSync(root, 0o2751);
    const differential = await point(site, 'amy', 'differential', points);
    expect(differential).toMatchObject({ level: 'differential', parent: full.backupId, depth: 1, outcome: 'clean' });

    rmSync(join(root, 'docs/three'));
    const last = await point(site, 'amy', 'incremental', points);
    expect(last).toMatchObject({ parent: differential.backupId, depth: 2, outcome: 'clean' });
    await expectAll(site, points);
  });

  it('of nothing changed is sealed without an archive and a few hundred bytes, and restores', async () => {
    const site = await testSite({ settings: SETTINGS });
    const root = join(site.topdir, 'bea');
    mkdirSync(root);
    makeTree(root);
    const points: Point[] = [];
    await point(site, 'bea', 'full', points);
    const manifest = await point(site, 'bea', 'incremental', points);
    expect(manifest).toMatchObject({ archives: [], outcome: 'clean', counts: { changed: 0, removed: 0, records: points[0]?.manifest.counts.records } });
    expect(await objectsOf(site, manifest)).toEqual(['SHA512SUMS', 'archives.tsv', expect.stringMatching(/^index\./) as string, 'manifest.json']);
    expect(manifest.index.bytes).toBeLessThan(100);
    await point(site, 'bea', 'incremental', points);
    await expectAll(site, points);
  });

  it('an incremental without a full is refused; nothing is left of it', async () => {
    const site = await testSite();
    mkdirSync(join(site.topdir, 'cid'));
    writeFileSync(join(site.topdir, 'cid', 'f'), 'x');
    expect(await backUpLevel(site, 'cid', 'incremental')).toMatchObject({ state: 'failed', reason: expect.stringContaining('PARENT_MISSING') as string });
    expect(await site.manifests()).toEqual([]);
  });
});
