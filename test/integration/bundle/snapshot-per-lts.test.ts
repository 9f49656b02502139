import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { expect, it } from 'vitest';
import { orderForLts } from '../../../producer/scheduler/order-for-lts.js';
import { closes, openedByHand } from '../../../shared/breaker/breaker.js';
import { RedisBreakers } from '../../../shared/breaker/breaker-store.js';
import { sealedRecords } from '../../../shared/runs/record-sealed.js';
import { ltsOf } from '../../../worker/breaker/needs.js';
import { snapshotJob } from '../../../worker/jobs/cleanup/snapshot-job.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { sampleRequest } from '../../unit/shared/catalog/sample-backup.js';

const HOUR = 3_600_000;

/** Something is sealed; no worker does what is ordered. */
async function siteOfTwo(): Promise<TestSite> {
  const site = await testSite({
    noWorker: true,
    prepare: async (dir) => {
      for (const name of ['one', 'two']) await mkdir(join(dir, name), { mode: 0o700 });
      return { lts: ['one', 'two'].map((name) => ({ name, dir: join(dir, name) })) };
    },
  });
  const { manifest, files } = await sampleRequest(join(site.dir, 'made'));
  await site.catalog.seal({ manifest, files });
  await site.worker.context.journal.appendAll(sealedRecords(manifest));
  return site;
}

/** What a producer orders some hours from now. */
async function ordered({ config, catalog, worker: { context: { queues } } }: TestSite, hours: number): Promise<string[]> {
  await orderForLts({ config, queues, catalog, now: () => Date.now() + hours * HOUR });
  const jobs = await queues.erasing.getJobs(['waiting', 'prioritized']);
  for (const job of jobs) await job.remove();
  return jobs.map(({ name }) => name).sort();
}

async function done({ worker: { context } }: TestSite, hours: number): Promise<{ objects: number }> {
  const { signal } = new AbortController();
  const run = { job: { id: 'snapshot', data: {} } as unknown as Job, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger: context.logger };
  return snapshotJob({ ...context, now: () => new Date(Date.now() + hours * HOUR) }, run);
}

async function snapshots({ dir }: TestSite): Promise<number[]> {
  return Promise.all(['one', 'two'].map(async (name) => (await readdir(join(dir, name, 'snapshots')).catch(() => [])).length));
}

it('while an LTS is out the others get no more than one snapshot a day; it gets its own when it is back', async () => {
  const site = await siteOfTwo();
  const { queues, breakers } = site.worker.context;
  const change = new RedisBreakers(queues.redis);
  await change.change(ltsOf('two'), (breaker) => openedByHand(breaker, 'somebody', 'a test', Date.now()));
  await breakers.round();
  expect(await ordered(site, 0)).toEqual(['snapshot', 'sweep-bundles']);
  expect(await done(site, 0)).toMatchObject({ objects: 1 });
  expect(await ordered(site, 0.25)).toEqual([]);
  expect(await done(site, 0.25)).toEqual({ objects: 0, backups: 0 });
  expect(await snapshots(site)).toEqual([1, 0]);

  await change.change(ltsOf('two'), (breaker) => closes(breaker, Date.now()));
  await breakers.round();
  expect(await ordered(site, 1)).toEqual(['snapshot']); // bundles were looked through an hour ago
  expect(await done(site, 1)).toMatchObject({ objects: 1 });
  expect(await snapshots(site)).toEqual([1, 1]);
  expect(await ordered(site, 23)).toEqual([]);
  expect(await ordered(site, 24.5)).toContain('snapshot');
  expect(await done(site, 24.5)).toMatchObject({ objects: 1 });
  expect(await snapshots(site)).toEqual([2, 1]);
});

it('another attempt, or order, for an LTS that fails sends nothing to those that have it', async () => {
  const site = await siteOfTwo();
  await rename(join(site.dir, 'two'), join(site.dir, 'two-away'));
  for (let attempt = 0; attempt < 3; attempt++) await expect(done(site, attempt)).rejects.toMatchObject({ code: 'LTS_MISSING' });
  expect(await snapshots(site)).toEqual([1, 0]);
  expect(await ordered(site, 3)).toContain('snapshot'); // nobody knows that it is out
  await rename(join(site.dir, 'two-away'), join(site.dir, 'two'));
  expect(await done(site, 3)).toMatchObject({ objects: 1 });
  expect(await snapshots(site)).toEqual([1, 1]);
});

it('one that is out for the only host there is is out; for one of several hosts it is not', async () => {
  const site = await siteOfTwo();
  const { queues, presence } = site.worker.context;
  await done(site, 0);
  const process = { incarnation: 'a', host: 'a', pid: 1, startedAt: new Date().toISOString(), bootId: 'boot', pidNamespace: 'pid:[1]', lockers: [] };
  await presence.beat(process);
  for (const lts of ['one', 'two']) await new RedisBreakers(queues.redis).change(ltsOf(lts), (breaker) => ({ ...breaker, state: 'open', hosts: ['a'] }));
  expect(await ordered(site, 25)).toEqual([]);
  await presence.beat({ ...process, incarnation: 'b', host: 'b' });
  expect(await ordered(site, 25)).toContain('snapshot');
});
