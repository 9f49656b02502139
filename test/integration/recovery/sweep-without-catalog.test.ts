import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { expect, it } from 'vitest';
import { BwError } from '../../../shared/errors/bw-error.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { sweepBackupJob } from '../../../worker/jobs/cleanup/sweep-job.js';
import { testSite } from '../../helpers/site.js';

it('a sweep during which the catalog gets lost leaves what a sealed backup has in long-term storage', async () => {
  const site = await testSite();
  await mkdir(join(site.topdir, 'fay'));
  await writeFile(join(site.topdir, 'fay', 'file'), 'x');
  await site.backUp();
  const [manifest] = await site.manifests();
  if (manifest === undefined) return expect.unreachable();
  const { basepathId, backupId } = manifest;
  const objects = () => readdir(join(site.dir, 'lts', basepathId, backupId));
  const before = await objects();

  const { context } = site.worker;
  let reads = 0;
  const vanishing = new Proxy(context.catalog, {
    get(catalog, name) {
      const value: unknown = Reflect.get(catalog, name, catalog);
      if (typeof value !== 'function') return value;
      if (name !== 'readManifest') return value.bind(catalog) as unknown;
      return () => (++reads === 1 ? Promise.resolve(manifest) : Promise.reject(new BwError('MANIFEST_MISSING', { message: 'unmounted', retry: 'permanent', hint: '' })));
    },
  });
  const job = { id: 'sweep', data: { v: JOB_VERSION, backupId, basepathId } } as unknown as Job;
  const { signal } = new AbortController();
  const run = { job, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger: context.logger };
  await expect(sweepBackupJob({ ...context, catalog: vanishing }, run)).rejects.toMatchObject({ code: 'SEAL_UNFINISHED' });
  expect(reads).toBe(2);
  expect(await objects()).toEqual(before);
});
