import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { backUpLevel, keepCopy, replayDifferences, restoreDifferences, sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';

async function consolidated(site: TestSite, of: Manifest): Promise<Manifest> {
  const ended = await backUpLevel(site, of.basepathId, 'full', { consolidates: of.backupId });
  expect({ state: ended.state, reason: ended.reason }).toEqual({ state: 'completed', reason: null });
  return site.catalog.findBackup(ended.backupId);
}

async function expectPoint(site: TestSite, manifest: Manifest, expected: string): Promise<void> {
  await drainCleanupAndKits(site.worker.context.queues, 'here');
  expect(await restoreDifferences(site, manifest, expected)).toEqual([]);
  expect(await replayDifferences(site, manifest, expected)).toEqual([]);
}

describe('consolidation', () => {
  it('makes a full of a chain without reading the source: deleted files stay deleted, links and odd names stay what they are', async () => {
    const site = await testSite({ settings: { index: { racyWindow: '1ms' }, shards: { maxFiles: 8 } } });
    const root = join(site.topdir, 'eve');
    for (const dir of ['a/b', 'odd\nname/in', 'gone']) mkdirSync(join(root, dir), { recursive: true });
    for (const name of ['a/1', 'a/2', 'a/b/3', 'odd\nname/x', 'odd\nname/y', 'odd\nname/in/z', 'gone/4', 'cr\r']) writeFileSync(join(root, name), `first ${name}`);
    linkSync(join(root, 'a/1'), join(root, 'linked'));
    await sealed(site, 'eve', 'full');
    await delay(20);
    writeFileSync(join(root, 'a/1'), 'second');
    for (const name of ['gone', 'odd\nname/y', 'odd\nname/in']) rmSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'new'), 'new');
    await sealed(site, 'eve', 'incremental');
    await delay(20);
    rmSync(join(root, 'a/2'));
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    const last = await sealed(site, 'eve', 'incremental');
    rmSync(root, { recursive: true }); // it is not needed

    const full = await consolidated(site, last);
    expect(full).toMatchObject({ level: 'full', parent: null, outcome: 'clean', capturedAt: last.capturedAt, counts: { records: last.counts.records, exceptions: 0 } });
    await expectPoint(site, full, copy);
    await expectPoint(site, last, copy);
  });

  it('its full is the parent of the next incremental; encrypted archives stay so', async () => {
    const site = await testSite({
      prepare: async (dir) => {
        await writeFile(join(dir, 'key'), 'correct horse\n', { mode: 0o600 });
        return { index: { racyWindow: '1ms' }, dar: { sliceSize: '1MiB', compression: 'zstd:1', encryption: { keyFile: join(dir, 'key'), cipher: 'aes256', keyId: 'k' } } };
      },
    });
    const root = join(site.topdir, 'fred');
    mkdirSync(root);
    for (let i = 0; i < 5; i++) writeFileSync(join(root, `f${i}`), `${i}`);
    await sealed(site, 'fred', 'full');
    await delay(20);
    writeFileSync(join(root, 'f1'), 'second');
    const incremental = await sealed(site, 'fred', 'incremental');
    const full = await consolidated(site, incremental);
    expect(full.archives.every(({ keyId }) => keyId === 'k')).toBe(true);
    await delay(20);
    writeFileSync(join(root, 'f2'), 'third');
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    const next = await sealed(site, 'fred', 'incremental');
    expect(next).toMatchObject({ parent: full.backupId, depth: 1, counts: { changed: 1 } });
    expect(await restoreDifferences(site, next, copy)).toEqual([]);
  });
});
