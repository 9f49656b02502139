// Two long-term storages, one of them out: what seals, what is made up later, and that each alone is enough.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { isCompleteIn } from '../../../shared/copies/copy-state.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { run } from '../../../shared/process/index.js';
import { adoptMissing } from '../../../shared/recovery/adopt-missing.js';
import { openCatalog } from '../../../shared/catalog/index.js';
import { restoreDifferences, sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';
import { drained } from '../retention/drained.js';

const MIB = 1024 * 1024;

/** Copy 1 and copy 2, of which one is enough to seal. */
async function siteOfTwo(): Promise<TestSite> {
  return testSite({
    settings: { copies: { toSeal: 1 }, dar: { sliceSize: '1MiB' }, retention: { keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' } },
    prepare: async (dir) => {
      await mkdir(join(dir, 'two'), { mode: 0o700 });
      return { lts: [{ name: 'one', dir: join(dir, 'lts') }, { name: 'two', dir: join(dir, 'two') }] };
    },
  });
}

async function out(site: TestSite, name: string): Promise<void> {
  await rename(join(site.dir, name), join(site.dir, `${name}-away`));
}

async function back(site: TestSite, name: string): Promise<void> {
  await rename(join(site.dir, `${name}-away`), join(site.dir, name));
}

const now = (site: TestSite, { basepathId, backupId }: Manifest): Promise<Manifest> => site.catalog.readManifest(basepathId, backupId);

async function untilCompleteIn(site: TestSite, manifest: Manifest, lts: string): Promise<Manifest> {
  return until(`the copy in ${lts}`, async () => {
    const read = await now(site, manifest);
    return isCompleteIn(read, lts) ? read : null;
  });
}

async function files(site: TestSite, name: string): Promise<string[]> {
  const entries = await readdir(join(site.dir, name), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('restore-kit')).map((entry) => join(entry.parentPath, entry.name).slice(join(site.dir, name).length + 1)).sort();
}

it('a storage that is out holds up no seal; its copy is made when it is back, and is enough by itself; an erasure takes both', { timeout: 180_000 }, async () => {
  const site = await siteOfTwo();
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'big'), randomBytes(3 * MIB));
  await writeFile(join(site.topdir, 'alice', 'small'), 'x');
  await out(site, 'two');
  const full = await sealed(site, 'alice', 'full');
  expect(full.lacks).toEqual(['two']);
  for (const { slices } of full.archives) for (const { locations } of slices) expect(Object.keys(locations)).toEqual(['one']);
  await writeFile(join(site.topdir, 'alice', 'small'), 'changed');
  const later = await sealed(site, 'alice', 'incremental');

  await back(site, 'two');
  const made = await untilCompleteIn(site, full, 'two');
  const laterMade = await untilCompleteIn(site, later, 'two');
  expect(isCompleteIn(made, 'one')).toBe(true);
  const inBoth = (names: readonly string[]): string[] => names.filter((name) => !/copies\.[0-9a-f]{16}\.json$/.test(name));
  expect(inBoth(await files(site, 'two'))).toEqual(await files(site, 'lts'));
  expect(await readFile(join(site.dir, 'two', full.basepathId, full.backupId, 'manifest.json'))).toEqual(await site.catalog.manifestBytes(full.basepathId, full.backupId));

  // The second one alone: by the product, by a shell, and for a catalog that is lost.
  await out(site, 'lts');
  expect(await restoreDifferences(site, laterMade, join(site.topdir, 'alice'))).toEqual([]);
  const byShell = join(site.dir, 'restore', 'shell');
  const dirs = [full, later].map(({ basepathId, backupId }) => join(site.dir, 'two', basepathId, backupId));
  await run({ program: 'sh', args: [new URL('../../../shared/restore-kit/bw-restore.sh', import.meta.url).pathname, ...dirs, byShell] }, { timeoutMs: 60_000, okCodes: [0, 5] });
  expect(await readFile(join(byShell, 'big'))).toEqual(await readFile(join(site.topdir, 'alice', 'big')));
  expect(await readFile(join(byShell, 'small'), 'utf8')).toBe('changed');
  const lost = await openCatalog(join(site.dir, 'catalog-anew'));
  const two = site.worker.context.backends.filter(({ name }) => name === 'two');
  expect([...(await adoptMissing(lost, two)).adopted].sort()).toEqual([full, later].map(({ backupId }) => backupId).sort());
  expect(await lost.readManifest(full.basepathId, full.backupId)).toEqual(made);

  await back(site, 'lts');
  const newest = await sealed(site, 'alice', 'full');
  expect(newest.lacks).toBeUndefined();
  await site.producer.prune();
  await site.producer.prune();
  await drained(site);
  for (const name of ['lts', 'two']) expect([...new Set((await files(site, name)).map((file) => file.split('/')[1]))]).toEqual([newest.backupId]);
});

it('what is damaged in one is made again from the other, under a new name; what is there is never replaced', async () => {
  const site = await siteOfTwo();
  await mkdir(join(site.topdir, 'bob'));
  await writeFile(join(site.topdir, 'bob', 'file'), randomBytes(2 * MIB));
  const manifest = await sealed(site, 'bob', 'full');
  const slice = manifest.archives.flatMap(({ slices }) => slices).find(({ bytes }) => bytes > MIB / 2);
  const object = slice?.locations['one']?.object ?? '';
  await writeFile(join(site.dir, 'lts', object), 'damaged');
  const { queues } = site.worker.context;
  const order = { basepathId: manifest.basepathId, backupId: manifest.backupId, lts: 'one', repair: true };
  const jobId = await orderCopy(queues, order);
  await until('the repair', async () => ((await (await queues.copies.getJob(jobId))?.isCompleted()) === true ? true : null));
  const mended = (await now(site, manifest)).archives.flatMap(({ slices }) => slices).find(({ name }) => name === slice?.name)?.locations['one']?.object ?? '';
  expect(mended).toBe(object.replace(slice?.name ?? '', `copy-1/${slice?.name ?? ''}`));
  expect(await readFile(join(site.dir, 'lts', object), 'utf8')).toBe('damaged');
  expect(await readFile(join(site.dir, 'lts', mended))).toEqual(await readFile(join(site.dir, 'two', object)));
  // Once more: nothing to do. A copy that waits is no repair, which reads what is there.
  await queues.copies.pause();
  const [copying, again, same] = [await orderCopy(queues, { ...order, repair: false }), await orderCopy(queues, order), await orderCopy(queues, order)];
  expect([copying === again, again === same]).toEqual([false, true]);
  await queues.copies.resume();
  const job = await until('the second look', async () => {
    const found = await queues.copies.getJob(again);
    return (await found?.isCompleted()) === true ? found : null;
  });
  expect(job?.returnvalue).toMatchObject({ state: 'made', objects: 0 });
});
