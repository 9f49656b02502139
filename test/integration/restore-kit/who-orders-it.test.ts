import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { expect, it } from 'vitest';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { reconcileRuns } from '../../../producer/reconcile/reconcile.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { JOB_VERSION, type CopyJob } from '../../../shared/queues/job-data.js';
import { copyJob, type CopyResult } from '../../../worker/jobs/copies/copy-job.js';
import { sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';

/** A backup of which the kit knows. */
async function sealedSite(): Promise<{ site: TestSite; manifest: Manifest }> {
  const site = await testSite();
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'file'), 'content');
  const manifest = await sealed(site, 'alice', 'full');
  await site.worker.settled();
  await kitOrdered(site);
  return { site, manifest };
}

/** Whether it was, which is done then. */
async function kitOrdered({ worker: { context: { queues } } }: TestSite): Promise<boolean> {
  const isOrdered = (await queues.cleanup.getDelayed()).some(({ name }) => name === 'refresh-kit');
  await drainCleanupAndKits(queues, 'here');
  return isOrdered;
}

async function copied({ worker: { context } }: TestSite, { basepathId, backupId }: Manifest, attemptsStarted: number): Promise<CopyResult> {
  const { signal } = new AbortController();
  const data: CopyJob = { v: JOB_VERSION, basepathId, backupId, lts: 'lts', repair: true };
  const job = { id: 'copy', data, attemptsStarted } as unknown as Job;
  return copyJob(context, { job, token: '', signal, hurry: signal, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 60_000, logger: context.logger });
}

it('a copy that made something, or may have in a start that died', async () => {
  const { site, manifest } = await sealedSite();
  await rm(join(site.dir, 'lts', manifest.index.locations['lts']?.object ?? ''));
  expect([(await copied(site, manifest, 1)).objects, await kitOrdered(site)]).toEqual([1, true]);
  expect([(await copied(site, manifest, 1)).objects, await kitOrdered(site)]).toEqual([0, false]);
  expect([(await copied(site, manifest, 2)).objects, await kitOrdered(site)]).toEqual([0, true]);
});

it('the reconciler, for a seal that its worker did not put on record', async () => {
  const { site, manifest: { backupId } } = await sealedSite();
  const { context } = site.worker;
  const run = await context.runs.read(backupId);
  if (run === null) return expect.unreachable();
  await context.runs.update(backupId, { phase: 'saving', endedAt: null, outcome: null });
  await context.runs.create(run);
  await context.queues.backup.remove(run.jobId);
  const found = await reconcileRuns(context);
  expect(found.findings.map(({ kind, state }) => `${kind} ${state}`)).toContain('seal-unrecorded repaired');
  expect(await kitOrdered(site)).toBe(true);
});
