import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { expect, it, vi } from 'vitest';
import { pendingMetadata } from '../../../shared/bundle/pending-metadata.js';
import { bundleObject } from '../../../shared/bundle/names.js';
import type { JobRun } from '../../../worker/processor/run-job.js';
import { sweepBundlesJob } from '../../../worker/jobs/cleanup/sweep-bundles-job.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const DAY = 86_400_000;

async function bundled(): Promise<TestSite> {
  const site = await testSite({ prepare: (dir) => Promise.resolve({ lts: [{ name: 'lts', dir: join(dir, 'lts'), minObject: '1MiB', maxWait: '200ms' }] }) });
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'letter'), 'from alice');
  expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed']);
  await vi.waitFor(async () => { expect(await pendingMetadata(site.catalog.journalDir, 'lts', Date.now())).toEqual([]); }, { timeout: 10_000 });
  return site;
}

/** What is there after a sweep of some days later. */
async function swept(site: TestSite): Promise<string[]> {
  const { context } = site.worker;
  const run = { signal: new AbortController().signal, logger: context.logger } as unknown as JobRun;
  await sweepBundlesJob({ ...context, now: () => new Date(Date.now() + 3 * DAY) }, run);
  return objectsIn(site);
}

async function objectsIn(site: TestSite): Promise<string[]> {
  return (await readdir(join(site.dir, 'lts'), { recursive: true })).filter((name) => name.endsWith('.tar')).sort();
}

it('removes what a crash left, nothing that is needed', async () => {
  const site = await bundled();
  const needed = await objectsIn(site);
  expect(needed.map((object) => object.split('/')[0])).toEqual(['bundles', 'meta']);
  const left = bundleObject(ulid(Date.now() + DAY + 60_000), 'here'); // of a day after all that is described
  await mkdir(join(site.dir, 'lts', left, '..'), { recursive: true });
  await writeFile(join(site.dir, 'lts', left), 'left');
  expect(await swept(site)).toEqual(needed);
});

it('removes nothing while the catalog has lost what a bundle of metadata describes, nor while the journal is lost too, as before a rebuild', async () => {
  const site = await bundled();
  const before = await objectsIn(site);
  const [manifest] = await site.manifests();
  await rm(join(site.catalog.root, 'backups', manifest?.basepathId ?? ''), { recursive: true });
  expect(await swept(site)).toEqual(before);
  for (const name of await readdir(site.catalog.journalDir)) await rm(join(site.catalog.journalDir, name));
  expect(await swept(site)).toEqual(before);
});
