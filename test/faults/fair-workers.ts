import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { limitsOutput } from '../../producer/cli/limits-outputs.js';
import { statusOutput } from '../../producer/cli/outputs.js';
import { readJournal } from '../../shared/journal/index.js';
import { FAST_RETRIES, testSite, type TestSite } from '../helpers/site.js';
import { until } from '../integration/bad-input/until.js';
import { sampleOf } from '../unit/shared/metrics/samples.js';
import { runCli } from '../integration/cli/cli-process.js';
import type { CompiledProduct } from './compiled-product.js';
import { holdDars } from './held-dars.js';
import { startWorkerProcess } from './worker-process.js';

const SHARDS = 30;
const SMALL = 6;
const HOSTS = ['one', 'two'];

/** Two worker processes share the 30 shards of one basepath with all their slots, and small basepaths that come later do not wait for them. */
export async function shareOneBasepath(product: CompiledProduct): Promise<void> {
  const site = await testSite({ noWorker: true, settings: { shards: { maxFiles: 5 }, worker: { slots: 2 } } });
  for (let dir = 0; dir < SHARDS; dir++) await writeFiles(join(site.topdir, 'giant', `dir-${dir}`), 4);
  const dars = await holdDars(site);
  const workers = await Promise.all(HOSTS.map((host) => startWorkerProcess(product, site, host, FAST_RETRIES)));
  const giant = await enqueued(site);
  const hostsOf = async (): Promise<string[]> => (await dars.started()).map((line) => HOSTS.find((host) => line.includes(`/staging-${host}/`)) ?? line).sort();
  await until('every slot of both makes a shard', async () => ((await hostsOf()).length >= 4 ? true : null));
  expect(await hostsOf()).toEqual(['one', 'one', 'two', 'two']);

  for (let i = 0; i < SMALL; i++) await writeFiles(join(site.topdir, `small-${i}`), 3);
  const small = await enqueued(site);
  expect(small).toHaveLength(SMALL);
  await dars.go();
  expect((await site.waitFor([...giant, ...small])).map(({ state }) => state)).toEqual(Array(1 + SMALL).fill('completed'));

  const manifests = await site.manifests();
  const big = manifests.find(({ basepathId }) => basepathId.startsWith('giant'));
  expect(big?.archives.filter(({ kind }) => kind === 'data')).toHaveLength(SHARDS);
  expect(new Set(big?.archives.map(({ dar }) => dar.host))).toEqual(new Set(HOSTS));
  expect(manifests.map(({ outcome, counts }) => [outcome, counts.exceptions])).toEqual(Array(1 + SMALL).fill(['clean', 0]));
  // 4 shards ran already, 4 more may have begun while the small ones were planned; then they take turns.
  const order = await dars.started();
  const lastSmall = order.findLastIndex((line) => line.includes('small-'));
  expect(order.slice(0, lastSmall).filter((line) => line.includes('giant')).length).toBeLessThan(SHARDS / 2);
  await Promise.all(workers.map((worker) => worker.close()));
}

/** Concurrency of a topdir and bandwidth change while a backup runs, by commands that are in the journal. */
export async function changeLimits(product: CompiledProduct): Promise<void> {
  const site = await testSite({
    settings: { shards: { maxFiles: 5 }, worker: { slots: 3 }, politeness: { concurrency: 1 } },
    prepare: (dir) => Promise.resolve({ lts: [{ name: 'slow', dir: join(dir, 'lts'), bandwidth: '1B/s' }] }),
  });
  const { context, metrics } = site.worker;
  const { backup } = context.queues;
  const limits = async (code: number, ...args: string[]) => {
    const end = await runCli(product, ['limits', ...args, '--json'], { config: site.configFile });
    expect(end, args.join(' ')).toMatchObject({ code });
    return code === 0 ? limitsOutput.parse(JSON.parse(end.stdout)).limits.filter(({ source }) => source === 'set') : [];
  };
  // More than a shard sends itself: slices wait in the transfer queue.
  for (let dir = 0; dir < 6; dir++) await writeFiles(join(site.topdir, 'alice', `dir-${dir}`), 4, 300_000);
  const dars = await holdDars(site);
  const jobs = await enqueued(site);
  const counts = async () => ({ started: (await dars.started()).length, parked: await backup.getDelayedCount() });
  await expect.poll(counts, { timeout: 60_000 }).toEqual({ started: 1, parked: 5 });
  const status = await runCli(product, ['status', '--json'], { config: site.configFile });
  expect(statusOutput.parse(JSON.parse(status.stdout)).parked).toEqual([{ topdir: site.topdir, reason: 'concurrency', jobs: 5 }]);

  expect(await limits(0, 'set', 'concurrency', '3', '--topdir', site.topdir, '--for', '1h')).toMatchObject([{ key: 'concurrency', value: '3', topdir: site.topdir, until: expect.any(String) as unknown }]);
  await expect.poll(counts, { timeout: 60_000 }).toEqual({ started: 3, parked: 3 });
  await dars.go();
  await expect.poll(() => backup.getCompletedCount(), { timeout: 60_000 }).toBe(6);
  const sent = async () => sampleOf(await metrics.render(), 'bw_slices_transferred_total', { lts: 'slow' }) ?? 0;
  expect(await sent()).toBe(0);
  expect((await backup.getJob(jobs[0] ?? ''))?.attemptsMade).toBe(0);

  expect(await limits(0, 'set', 'bandwidth', 'none', '--lts', 'slow')).toHaveLength(2);
  expect((await site.waitFor(jobs)).map(({ state }) => state)).toEqual(['completed']);
  expect(await sent()).toBeGreaterThanOrEqual(6);
  expect(await limits(0, 'unset', 'concurrency', '--topdir', site.topdir)).toMatchObject([{ key: 'bandwidth', value: 'none', lts: 'slow' }]);
  await limits(2, 'unset', 'concurrency', '--topdir', site.topdir);
  const acts: unknown[] = [];
  for await (const record of readJournal(site.catalog.journalDir, { onProblem: () => expect.unreachable() })) if (record.kind === 'operator') acts.push([record.act, record.subject, record.reason]);
  expect(acts).toEqual([
    ['limits-set', `concurrency topdir ${site.topdir}`, '3 for 1h'],
    ['limits-set', 'bandwidth lts slow', 'none'],
    ['limits-unset', `concurrency topdir ${site.topdir}`, 'as configured'],
  ]);
}

async function writeFiles(dir: string, count: number, bytes = 0): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(dir, `file-${i}`), `content ${i}`.padEnd(bytes));
}

async function enqueued({ producer }: TestSite): Promise<string[]> {
  return (await producer.tick()).flatMap((report) => report.enqueued.map(({ jobId }) => jobId));
}
