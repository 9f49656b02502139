import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { bundleObject } from '../../../shared/bundle/names.js';
import { pendingMetadata } from '../../../shared/bundle/pending-metadata.js';
import { YOUNG_MS } from '../../../shared/bundle/judge-bundles.js';
import { orderBundleSweep, orderMetadataBundles, orderSnapshot } from '../../../shared/runs/order-site-jobs.js';
import { backUpLevel } from '../../helpers/chain.js';
import type { TestSite } from '../../helpers/site.js';
import { until } from '../../integration/bad-input/until.js';
import { KILLED_HOST } from './line-of-workers.js';
import type { Rounds } from './rounds.js';

/** As in work.ts. */
const PATIENCE_MS = 120_000;
/** Longer than a slow machine takes to begin the job: one that finds its time over does not wait. */
const WAIT_MS = 1_000;

/** Small slices wait for others, and do not find enough. */
export function bundlingLts(dir: string): Readonly<Record<string, unknown>> {
  return { name: 'lts', dir, minObject: '1MiB', maxWait: `${WAIT_MS}ms` };
}

/** Slices and what describes backups go into bundles; snapshots are made; bundles that nothing needs are removed. */
export async function doBundling(site: TestSite, rounds: Rounds, repeat: (work: (time: number) => Promise<void>) => Promise<void>): Promise<void> {
  const { queues } = site.worker.context;
  await repeat(async (time) => {
    const root = join(site.topdir, `bob-${time}`);
    await mkdir(root, { recursive: true });
    await writeFile(join(root, 'letter'), `letter ${time}`);
    const { state, reason } = await backUpLevel(site, `bob-${time}`, 'full');
    expect({ state, reason }).toEqual({ state: 'completed', reason: null });
    await orderMetadataBundles(queues, WAIT_MS); // as every round of a producer: an order is lost with the worker that seals
    await until('what describes it is bundled', async () => ((await pendingMetadata(site.catalog.journalDir, 'lts', Date.now())).length === 0 ? true : null), PATIENCE_MS);
    await untilDone(site, 'bundle-metadata');
  });
  await repeat(async () => {
    await orderSnapshot(queues);
    await untilDone(site, 'snapshot');
    await oldSnapshots(site);
  });
  await repeat((time) => sweptBundle(site, time));
  await repeat(rounds.whole);
}

async function untilDone({ worker: { context: { queues } } }: TestSite, name: string): Promise<void> {
  await until(`${name} is through`, async () => {
    const open = (await Promise.all([queues.cleanup, queues.erasing].map((queue) => queue.getJobs(['active', 'waiting', 'prioritized', 'delayed'])))).flat();
    return open.some((job) => job.name === name) ? null : true;
  }, PATIENCE_MS);
  await drainCleanup(queues, KILLED_HOST);
}

/** As if years had passed: the next order makes another one. In place, since a worker appends to these files. */
async function oldSnapshots({ catalog: { journalDir } }: TestSite): Promise<void> {
  for (const entry of await readdir(journalDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const file = await open(path, 'r+');
    for (const { index } of (await readFile(path, 'latin1')).matchAll(/(?<="kind":"snapshot-stored",.*"startedAt":")\d{4}/g)) await file.write('2001', index);
    await file.close();
  }
}

/** One that a crash left long ago goes; those of today's backups stay, which the frame restores. */
async function sweptBundle(site: TestSite, time: number): Promise<void> {
  const object = join(site.dir, 'lts', bundleObject(ulid(Date.now() - YOUNG_MS - time * 60_000), KILLED_HOST));
  await mkdir(dirname(object), { recursive: true });
  await writeFile(object, 'left');
  await orderBundleSweep(site.worker.context.queues);
  await untilDone(site, 'sweep-bundles');
  await expect(stat(object)).rejects.toMatchObject({ code: 'ENOENT' });
}
