import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Job } from 'bullmq';
import { expect, it, vi } from 'vitest';
import { BundlePool } from '../../../shared/bundle/bundle-pool.js';
import { storedFiles } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { hurryKitRefresh } from '../../../shared/runs/order-kit.js';
import { needsRoot } from '../../helpers/needs.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { restore } from '../../helpers/restore.js';

const NAMES = ['alice', 'bob', 'carol'] as const;

async function bundlingSite(minObject: string, maxWait: string): Promise<TestSite> {
  const site = await testSite({ prepare: (dir) => Promise.resolve({ lts: [{ name: 'lts', dir: join(dir, 'lts'), minObject, maxWait }] }) });
  for (const name of NAMES) {
    await mkdir(join(site.topdir, name));
    await writeFile(join(site.topdir, name, 'letter'), `from ${name}`.repeat(100));
  }
  return site;
}

async function objectsOf(site: TestSite): Promise<string[]> {
  const entries = await readdir(join(site.dir, 'lts'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(site.dir.length + 5)).sort();
}

it('bundles the small slices of many backups, which are restored from there', async () => {
  const site = await bundlingSite('1MiB', '300ms');
  expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  const manifests = await site.manifests();
  const locations = manifests.flatMap(({ archives }) => archives.flatMap(({ slices }) => slices.map((slice) => slice.locations['lts'])));
  expect(locations.length).toBeGreaterThanOrEqual(6);
  for (const location of locations) expect(location).toMatchObject({ object: expect.stringMatching(/^bundles\/\d{4}-\d\d\/.{26}\.here\.tar$/) as string });
  const objects = await objectsOf(site);
  expect(new Set(locations.map((location) => location?.object))).toEqual(new Set(objects.filter((object) => object.startsWith('bundles/'))));
  expect(objects.filter((object) => object.startsWith('alice'))).toEqual([]); // nor is any file of ours an object of its own
  expect(manifests.flatMap(storedFiles).every((file) => Object.keys(file.locations).length === 0)).toBe(true);
  const left = async () => [await site.worker.context.queues.redis.keys('{bw}:bundle:*'), (await readdir(join(site.dir, 'staging', 'here', 'bundles'), { recursive: true })).filter((name) => name.endsWith('.tar'))];
  await vi.waitFor(async () => { expect(await left()).toEqual([[], []]); }, { timeout: 60_000 });
  expect(await site.worker.context.queues.transfer('here').getFailedCount()).toBe(0);
  for (const manifest of manifests) {
    const target = join(site.dir, 'restore', manifest.basepathId);
    expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    const source = fromPathJson(manifest.source.path);
    expect((await compareTrees({ left: source, right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
  }
});

it('makes another one where the tar was spoiled before it was sent; no backup fails for that', async () => {
  const site = await bundlingSite('1MiB', '200ms');
  const { note } = Object.getOwnPropertyDescriptors(BundlePool.prototype);
  vi.spyOn(BundlePool.prototype, 'note').mockImplementationOnce(async function (this: BundlePool, plan) {
    const isNoted = await (note.value as BundlePool['note']).call(this, plan);
    const tars = join(site.dir, 'staging', 'here', 'bundles', 'lts');
    for (const name of await readdir(tars)) await writeFile(join(tars, name), Buffer.alloc(plan.made?.bytes ?? 0)); // as after a power cut
    return isNoted;
  });
  expect((await site.backUp()).map(({ state, reason }) => [state, reason])).toEqual(NAMES.map(() => ['completed', null]));
  const sends = await site.worker.context.queues.transfer('here').getCompleted();
  expect(sends.map(({ attemptsMade }) => attemptsMade).sort().at(-1)).toBe(2);
  for (const manifest of await site.manifests()) {
    expect(await restore(site, manifest, { target: join(site.dir, 'restore', manifest.basepathId) })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
  }
});

it('wakes a job that was about to wait for a bundle when another one closed it', async () => {
  const site = await testSite({ prepare: (dir) => Promise.resolve({ lts: [{ name: 'lts', dir: join(dir, 'lts'), minObject: '1MiB', maxWait: '10m' }] }) });
  const write = async (name: string): Promise<void> => {
    await mkdir(join(site.topdir, name));
    await writeFile(join(site.topdir, name, 'letter'), `from ${name}`.repeat(100));
  };
  await write('alice');
  const { moveToDelayed } = Object.getOwnPropertyDescriptors(Job.prototype);
  const waits = vi.spyOn(Job.prototype, 'moveToDelayed').mockImplementation(async function (this: Job, ...args) {
    if (this.name === 'send' && waits.mock.calls.length === 1) {
      // Bob comes, and staging is tight: the bundle is closed, with what is Alice's.
      vi.spyOn(site.worker.context.staging.account, 'isTight', 'get').mockReturnValue(true);
      await write('bob');
      expect(await site.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
    }
    return (moveToDelayed.value as Job['moveToDelayed']).apply(this, args);
  });
  const [report] = await site.producer.tick();
  expect(await site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? [])).toMatchObject([{ state: 'completed', reason: null }]);
  expect(waits.mock.contexts.filter((job) => (job as Job).name === 'send')).toHaveLength(1);
});

it('is restored by stock tar, dar and a shell, whose list says in which tar objects', async (context) => {
  needsRoot(context);
  const site = await bundlingSite('1MiB', '200ms');
  expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
  const lts = join(site.dir, 'lts');
  const [manifest] = await site.manifests();
  if (manifest === undefined) return expect.unreachable();
  const directory = `${manifest.basepathId}/${manifest.backupId}`;
  const { queues } = site.worker.context;
  await vi.waitFor(async () => {
    await hurryKitRefresh(queues);
    expect(await readFile(join(lts, 'restore-kit', 'bundles.tsv'), 'utf8')).toMatch(new RegExp(`^${directory}\tmeta/`, 'm'));
  }, { timeout: 60_000, interval: 100 });
  const target = join(site.dir, 'restore', 'by-shell');
  const { stdout } = await run({ program: 'sh', args: [join(lts, 'restore-kit', 'bw-restore.sh'), directory, target] });
  expect(stdout.toString()).toContain(`restored to ${target}`);
  expect((await compareTrees({ left: fromPathJson(manifest.source.path), right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
});
