import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Job } from 'bullmq';
import { expect, it } from 'vitest';
import { copyRecord } from '../../../shared/catalog/index.js';
import { partsOf } from '../../../shared/copies/copy-state.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { sweepBackupJob } from '../../../worker/jobs/cleanup/sweep-job.js';
import { testSite } from '../../helpers/site.js';
import { sampleRequest } from '../../unit/shared/catalog/sample-backup.js';

it('the sweep of a sealed backup leaves what is half written in an LTS where its copy is owed, ordered or being made', async () => {
  const site = await testSite({
    noWorker: true,
    prepare: async (dir) => {
      for (const name of ['tape', 'two']) await mkdir(join(dir, name), { mode: 0o700 });
      return { lts: ['tape', 'two'].map((name) => ({ name, dir: join(dir, name) })) };
    },
  });
  const { context } = site.worker;
  const { manifest, files } = await sampleRequest(join(site.dir, 'made'));
  const { basepathId, backupId } = manifest;
  await site.catalog.seal({ manifest: { ...manifest, lacks: ['two'] }, files });
  const part = `${basepathId}/${backupId}/x.1.dar.part-key-01234567`;
  const swept = async (): Promise<string[]> => {
    for (const name of ['tape', 'two']) {
      await mkdir(dirname(join(site.dir, name, part)), { recursive: true });
      await writeFile(join(site.dir, name, part), 'half');
    }
    const { signal } = new AbortController();
    const job = { id: 'sweep', data: { v: JOB_VERSION, backupId, basepathId } } as unknown as Job;
    await sweepBackupJob(context, { job, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger: context.logger });
    const left = await Promise.all(['tape', 'two'].map(async (name) => [name, await readdir(dirname(join(site.dir, name, part))).catch(() => [])] as const));
    return left.flatMap(([name, names]) => (names.length > 0 ? [name] : []));
  };
  expect(await swept()).toEqual(['two']);
  const jobId = await orderCopy(context.queues, { basepathId, backupId, lts: 'tape', repair: true });
  expect(await swept()).toEqual(['tape', 'two']);
  await (await context.queues.copies.getJob(jobId))?.remove();
  const locations = Object.fromEntries(partsOf(manifest).map(({ name, bytes }) => [name, { object: `${basepathId}/${backupId}/${name}`, offset: 0, length: bytes }]));
  await site.catalog.addCopyRecord(basepathId, copyRecord({ backupId, lts: 'two', at: '2026-01-03T00:00:00.000Z', locations }));
  expect(await swept()).toEqual([]);
});
