import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import { drainCleanup, drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { enqueueVerify } from '../../../producer/scheduler/enqueue-verify.js';
import { checkStoredFile, type Manifest } from '../../../shared/catalog/index.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { backUpLevel } from '../../helpers/chain.js';
import { restore } from '../../helpers/restore.js';
import type { TestSite } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { KILLED_HOST } from './line-of-workers.js';
import type { Rounds } from './rounds.js';
import { JOB_VERSION, type SweepPartsJob, type VerifyJob } from '../../../shared/queues/job-data.js';
import { CLEANUP_PRIORITY } from '../../../shared/queues/priorities.js';

/** Long enough for three workers to die of it on a busy machine, ms. */
const PATIENCE_MS = 120_000;
const MIB = 1024 * 1024;

/** Does one kind of work again and again until no worker dies of it any more. */
type Repeat = (work: (time: number) => Promise<void>) => Promise<void>;

/** All that workers do: each job at least once. Whatever happens to the workers meanwhile, all of it must succeed. */
export async function doAllWork(site: TestSite, rounds: Rounds, repeat: Repeat): Promise<void> {
  const root = join(site.topdir, 'alice');
  for (const dir of ['a', 'b', 'c']) await writeFiles(join(root, dir), 8); // an empty topdir would be taken for one that is not mounted
  await repeat((time) => failAndMend(site, `late-${time}`));
  // More than a shard sends itself, in several slices.
  await writeFile(join(root, 'c', 'big'), randomBytes(2.5 * MIB));
  await repeat(async () => { await backUp(site, 'alice', 'full'); });
  let newest: Manifest | null = null;
  await repeat(async (time) => {
    await rm(join(root, time === 1 ? 'a' : `more-${time - 1}`), { recursive: true });
    await writeFiles(join(root, `more-${time}`), 3);
    newest = await backUp(site, 'alice', 'incremental');
  });
  const incremental = newest as unknown as Manifest;
  await repeat(() => restored(site, incremental));
  await repeat(() => verified(site, incremental, 'dar'));
  await repeat(() => verified(site, incremental, 'restore'));
  await repeat(async () => { await backUp(site, 'alice', 'full', { consolidates: incremental.backupId }); });
  await repeat(() => letGo(site));
  await repeat(() => copiedAgain(site));
  await repeat(() => sweptParts(site, incremental.basepathId));
  await repeat(rounds.whole);
}

/** Another full, so that retention lets go of what was before it. */
async function letGo(site: TestSite): Promise<void> {
  const { queues } = site.worker.context;
  await backUp(site, 'alice', 'full');
  await until('retention has let something go', async () => ((await site.producer.prune()).erasing > 0 ? true : null));
  await drainCleanup(queues, KILLED_HOST);
  await drainCleanupAndKits(queues, KILLED_HOST);
}

/** Its index is gone from long-term storage, and is there again, under its own name, made of the catalog's. */
async function copiedAgain(site: TestSite): Promise<void> {
  const { queues } = site.worker.context;
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing is sealed');
  const { basepathId, backupId, index } = manifest;
  const object = join(site.dir, 'lts', basepathId, backupId, index.name);
  await rm(object);
  const jobId = await orderCopy(queues, { basepathId, backupId, lts: 'lts', repair: true });
  await until('the copy is made', async () => ((await (await queues.copies.getJob(jobId))?.isCompleted()) === true ? true : null), PATIENCE_MS);
  expect(await checkStoredFile(object, index)).toBeNull();
}

async function sweptParts(site: TestSite, basepathId: string): Promise<void> {
  const { queues } = site.worker.context;
  await queues.erasing.add('sweep-parts', { v: JOB_VERSION, basepathIds: [basepathId] } satisfies SweepPartsJob, { priority: CLEANUP_PRIORITY });
  await drainCleanup(queues, KILLED_HOST);
}

/** A backup that fails for good leaves a dead letter, which the next one that seals settles. */
async function failAndMend(site: TestSite, name: string): Promise<void> {
  expect(await backUpLevel(site, name, 'full')).toMatchObject({ state: 'failed' });
  await until('it is on record as failed', async () => ((await site.worker.context.runs.running()).length === 0 ? true : null), PATIENCE_MS);
  await writeFiles(join(site.topdir, name), 3);
  await backUp(site, name, 'full');
}

async function backUp(site: TestSite, name: string, level: 'full' | 'incremental', more: { readonly consolidates?: string } = {}): Promise<Manifest> {
  const { backupId, state, reason } = await backUpLevel(site, name, level, more);
  expect({ state, reason }, `${level} of ${name}`).toEqual({ state: 'completed', reason: null });
  return site.catalog.findBackup(backupId);
}

async function restored(site: TestSite, manifest: Manifest): Promise<void> {
  const { state, reason } = await restore(site, manifest, { target: join(site.dir, 'restore', ulid()) });
  expect({ state, reason }, 'restore').toEqual({ state: 'completed', reason: null });
}

async function verified(site: TestSite, { basepathId, backupId }: Manifest, level: VerifyJob['level']): Promise<void> {
  const { queues } = site.worker.context;
  const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level, samplePercent: 100, recall: true });
  const job = await until(`the ${level} verification has ended`, async () => {
    const found = await queues.cleanup.getJob(jobId);
    return found?.finishedOn === undefined ? null : found;
  }, PATIENCE_MS);
  expect(job, job.failedReason).toMatchObject({ returnvalue: { outcome: 'sound' } });
}

async function writeFiles(dir: string, count: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(join(dir, `file-${i}`), `content ${i} of ${dir}`);
}
