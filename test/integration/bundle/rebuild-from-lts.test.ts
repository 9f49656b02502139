import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startService } from '../../../bin/start-local.js';
import { rebuildCommand } from '../../../producer/cli/catalog-command.js';
import { rebuildOutput } from '../../../producer/cli/outputs.js';
import { pendingMetadata } from '../../../shared/bundle/pending-metadata.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { readJournal } from '../../../shared/journal/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { rebuildFromLts } from '../../../shared/recovery/rebuild-from-lts.js';
import { orderMetadataBundles, orderSnapshot } from '../../../shared/runs/order-site-jobs.js';
import { createBackends } from '../../../shared/transfer/create-backend.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const NAMES = ['alice', 'bob', 'carol'] as const;

async function siteOn(lts: string | null, topdir: string | null, more: Readonly<Record<string, unknown>>): Promise<TestSite> {
  return testSite({ prepare: (dir) => Promise.resolve({
    lts: [{ name: 'lts', dir: lts ?? join(dir, 'lts'), ...more }],
    schedule: { incrementalEvery: '1s' },
    ...(topdir === null ? {} : { topdirs: [{ path: topdir }] }),
  }) });
}

async function backUp(site: TestSite, text: string): Promise<void> {
  for (const name of NAMES) {
    await mkdir(join(site.topdir, name), { recursive: true });
    await writeFile(join(site.topdir, name, text), `${text} of ${name}`.repeat(100));
  }
  expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
}

async function snapshot(site: TestSite): Promise<void> {
  await orderSnapshot(site.worker.context.queues);
  await vi.waitFor(async () => { expect(await journalCount(site, 'snapshot-stored')).toBeGreaterThan(0); }, { timeout: 10_000 });
}

async function journalCount(site: TestSite, kind: 'snapshot-stored' | 'removed'): Promise<number> {
  let count = 0;
  for await (const record of readJournal(site.catalog.journalDir, { kinds: [kind], onProblem: () => undefined })) count += record.kind === kind ? 1 : 0;
  return count;
}

/** As on an empty machine: nothing but configuration and the LTS. */
async function rebuilt(first: TestSite, more: Readonly<Record<string, unknown>>) {
  const site = await siteOn(join(first.dir, 'lts'), first.topdir, more);
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  onTestFinished(() => { spy.mockRestore(); });
  const code = await rebuildCommand({ config: site.configFile, fromLts: 'lts', json: true }, startService);
  spy.mockRestore();
  return { site, code, output: rebuildOutput.parse(JSON.parse(written.join(''))) };
}

/** Its bundle is still there, for what else is in it. */
async function erasedStaysErased(site: TestSite, { basepathId, backupId }: Manifest): Promise<void> {
  const { catalog, journal, config } = site.worker.context;
  await rm(join(catalog.root, 'backups', basepathId, backupId), { recursive: true });
  await journal.append({ kind: 'erased', basepathId, backupId, objects: 1, bytes: '1' });
  const [backend] = createBackends(config);
  const scratch = join(config.staging.dir, 'rebuild');
  await mkdir(scratch);
  expect(backend === undefined ? null : await rebuildFromLts(catalog, backend, scratch)).toMatchObject({ adopted: [], buried: 0, problems: [] });
}

async function sameAs(site: TestSite, before: readonly Manifest[]): Promise<void> {
  expect(await site.manifests()).toEqual(before);
  for (const manifest of before) expect(await site.catalog.checkBackup(manifest)).toEqual([]);
  const newest = new Map(before.map((manifest) => [manifest.basepathId, manifest]));
  for (const manifest of newest.values()) {
    const target = join(site.dir, 'restore', manifest.basepathId);
    expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    expect((await compareTrees({ left: fromPathJson(manifest.source.path), right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
  }
}

it('brings catalog and journal back from bundles: one snapshot, and what was bundled since', async () => {
  const more = { minObject: '1MiB', maxWait: '200ms' };
  const first = await siteOn(null, null, more);
  await backUp(first, 'letter');
  const bundled = async (): Promise<void> => {
    await orderMetadataBundles(first.worker.context.queues, 200); // as every round of a producer: what seals while a bundle is made waits for the next order
    expect(await pendingMetadata(first.catalog.journalDir, 'lts', Date.now())).toEqual([]);
  };
  await vi.waitFor(bundled, { timeout: 10_000 });
  await snapshot(first);
  await backUp(first, 'answer');
  await vi.waitFor(bundled, { timeout: 10_000 });
  const before = await first.manifests();
  expect(before).toHaveLength(6);
  await first.worker.close();
  await rm(join(first.dir, 'catalog'), { recursive: true });

  const meta = (await readdir(join(first.dir, 'lts', 'meta'), { recursive: true })).filter((name) => name.endsWith('.tar'));
  const { site, code, output } = await rebuilt(first, more);
  expect(output).toMatchObject({ backups: 6, basepaths: 3, problems: [], fromLts: { removed: 0, snapshot: expect.stringMatching(/^\d{4}-\d\d-\d\d-/) as string } });
  expect(code).toBe(0);
  expect(output.fromLts?.objectsRead).toBe(1 + meta.length);
  await sameAs(site, before);
  expect(await pendingMetadata(site.catalog.journalDir, 'lts', Date.now())).toEqual([]);
  await erasedStaysErased(site, before.at(-1) as Manifest);
});

it('does the same where everything is an object of its own, and brings removed backups back as removed', async () => {
  const first = await siteOn(null, null, {});
  await backUp(first, 'letter');
  const [gone] = await first.manifests();
  if (gone === undefined) return expect.unreachable();
  const { basepathId, backupId } = gone;
  const tombstone = { removedAt: new Date().toISOString(), eraseAfter: new Date(Date.now() + 86_400_000).toISOString(), reason: 'a test' };
  expect((await first.catalog.graves.bury({ basepathId, backupIds: [backupId], tombstone }, () => Promise.resolve(new Map()))).buried).toEqual([backupId]);
  await snapshot(first);
  const before = await first.manifests();
  expect(before).toHaveLength(2);
  await first.worker.close();
  await rm(join(first.dir, 'catalog'), { recursive: true });

  const { site, output } = await rebuilt(first, {});
  expect(output).toMatchObject({ backups: 2, fromLts: { removed: 1, objectsRead: 1 }, problems: [] });
  expect(await site.catalog.graves.stateOf(basepathId, backupId)).toMatchObject({ state: 'removed', tombstone });
  await sameAs(site, before);
});
