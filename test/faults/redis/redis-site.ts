import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAST_RETRIES, testSite, type TestSite } from '../../helpers/site.js';
import type { QueueTiming } from '../../../shared/queues/options.js';
import { hookDar } from '../../integration/bad-input/dar-hooks.js';
import { filesBelow } from '../../integration/bad-input/leftovers.js';
import { until } from '../../integration/bad-input/until.js';
import { untilNothingRuns } from '../worker-process.js';

/** Locks that outlive what a busy machine stands still beside an outage. */
export const LONG_LOCKS: QueueTiming = { ...FAST_RETRIES, lockDurationMs: 120_000, lockRenewTimeMs: 2_000, stalledIntervalMs: 500 };

/** Locks that a test can wait for. */
export const LONGER_LOCKS: QueueTiming = { ...FAST_RETRIES, lockDurationMs: 10_000, lockRenewTimeMs: 2_000, stalledIntervalMs: 500 };

/** Slow enough to be stopped in the middle of a slice. */
export const SLOW_DAR = { compression: 'bzip2:9' };

/** With a basepath of a few slices. `redisUrl` starts what it is the URL of, in a directory of its own. `dar`: settings beside that. */
export async function siteOnRedis(timing: QueueTiming, redisUrl: (dir: string) => Promise<string>, dar: object = {}): Promise<TestSite> {
  const site = await testSite({
    timing,
    settings: { dar: { ...dar, sliceSize: '1MiB' } },
    prepare: async (dir) => {
      await mkdir(join(dir, 'redis'));
      return { redis: { url: await redisUrl(join(dir, 'redis')) } };
    },
  });
  await makeFewSlices(site);
  return site;
}

/** A basepath of nine files, in slices of 1 MiB; no compression makes them smaller. */
export async function makeFewSlices({ topdir }: TestSite): Promise<void> {
  await mkdir(join(topdir, 'alice'));
  for (const name of 'abcdefghi') await writeFile(join(topdir, 'alice', name), randomBytes(500_000));
}

/** Backs up with a dar that begins only once `fault` has come, and resolves, with the jobs, when all is saved that could not be told to Redis. */
export async function saveDuring(site: TestSite, fault: () => Promise<void> | void): Promise<string[]> {
  const [ready, go] = [join(site.dir, 'ready'), join(site.dir, 'go')];
  await hookDar(site.dir, { before: `: > '${ready}'; until [ -e '${go}' ]; do sleep 0.02; done` });
  const jobs = await enqueue(site);
  await until('dar is about to begin', () => access(ready).then(() => true as const, () => null));
  await fault();
  await writeFile(go, '');
  await until('all is saved', async () => ((await filesBelow(site.config.staging.dir)).some((file) => file.endsWith('.dar')) ? true : null));
  await untilNothingRuns(site.config.staging.dir);
  return jobs;
}

export async function enqueue({ producer }: TestSite): Promise<string[]> {
  return (await producer.tick()).flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId));
}

/** Jobs that were given to another worker, or failed once. */
export async function spentAttempts({ worker }: TestSite): Promise<string[]> {
  const jobs = await worker.context.queues.backup.getJobs(['completed', 'failed', 'delayed', 'waiting', 'prioritized']);
  return jobs.filter(({ failedReason, stalledCounter }) => Boolean(failedReason) || stalledCounter > 0).map(({ id, failedReason }) => `${String(id)}: ${failedReason}`);
}

/** Numbers of the starts whose archives the one manifest names, in order. */
export async function startsSealed(site: TestSite): Promise<string[]> {
  const [manifest] = await site.manifests();
  return [...new Set(manifest?.archives.map(({ name }) => /\.s0001-(t\d+)-/.exec(name)?.[1] ?? name))].sort();
}
