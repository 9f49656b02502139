import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../../worker/context.js';
import { extractPart } from '../../../worker/jobs/restore/extract-part.js';
import { makeDirectories } from '../../../worker/jobs/restore/make-directories.js';
import { openRestore } from '../../../worker/jobs/restore/open-restore.js';
import { StagingAccount } from '../../../worker/staging/account.js';
import { Staging } from '../../../worker/staging/staging.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const SLICE = 16_384;
/** Of one archive three slices are there at a time: two archives have to take turns. */
const BUDGET = 60_000;

/** Two archives of 40 slices or more each: in all, 20 times the budget. */
async function sealed(settings: Readonly<Record<string, unknown>> = {}): Promise<{ site: TestSite; manifest: Manifest; source: string }> {
  const site = await testSite({ settings: { dar: { sliceSize: `${SLICE}B` }, shards: { maxFiles: 22 }, ...settings } });
  const source = join(site.topdir, 'dora');
  for (const dir of ['a', 'b']) {
    await mkdir(join(source, dir), { recursive: true });
    for (let i = 0; i < 20; i++) await writeFile(join(source, dir, `f${i}`), randomBytes(35_000));
  }
  expect(await site.backUp()).toMatchObject([{ state: 'completed' }]);
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  return { site, manifest, source };
}

/** The same storage as if it were far away, and a small staging: slices must be fetched. `seen` is called with what staging holds after each. */
async function farAway({ dir, worker: { context } }: TestSite, seen: (bytes: number) => void): Promise<WorkerContext> {
  await mkdir(join(dir, 'small'));
  const account = new StagingAccount({ dir: join(dir, 'small'), host: 'here', budgetBytes: BUDGET, restoreShare: 0.2, maxPauseMs: 60_000, logger: context.logger });
  onTestFinished(() => account.close());
  const staging = new Staging(join(dir, 'small'), 'here', account);
  const backends = context.backends.map((near): TransferBackend => {
    const overridden: Partial<TransferBackend> = {
      capabilities: () => ({ ...near.capabilities(), directRead: false }),
      fetch: async (item, options) => {
        await near.fetch(item, options);
        seen(await slicesBelow(staging.root));
      },
    };
    return new Proxy(near, { get: (target, name) => (overridden as Record<string | symbol, unknown>)[name] ?? bound(target, name) });
  });
  return { ...context, backends, staging };
}

function bound(target: TransferBackend, name: string | symbol): unknown {
  const value = (target as unknown as Record<string | symbol, unknown>)[name];
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

async function slicesBelow(dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(dir, { recursive: true })) if (name.endsWith('.dar')) bytes += await stat(join(dir, name)).then(({ size }) => size, () => 0);
  return bytes;
}

describe('a restore of many slices', () => {
  it('completes within the budget', async () => {
    const { site, manifest, source } = await sealed();
    let peak = 0;
    const context = await farAway(site, (bytes) => { peak = Math.max(peak, bytes); });
    const target = join(site.dir, 'restore', 'all');
    await mkdir(target);
    const restoreId = ulid();
    const { name } = await context.catalog.createWork(restoreId, 1);
    const request: RestoreJob = { v: JOB_VERSION, restoreId, basepathId: manifest.basepathId, backupId: manifest.backupId, target, paths: [], conflict: 'refuse' };
    const { signal } = new AbortController();
    const opened = await openRestore(context, request, name, signal);
    await makeDirectories(opened.layers, [], target);
    const parts = opened.plan.parts.map((part) => extractPart({ context, restore: opened, part, to: target, pass: 'plain', only: null, signal }));
    const done = await Promise.all(parts);
    expect(done.reduce((sum, { slicesOpened }) => sum + slicesOpened, 0)).toBeGreaterThan((20 * BUDGET) / SLICE);
    expect(peak).toBeGreaterThan(SLICE);
    expect(peak).toBeLessThanOrEqual(3 * SLICE);
    for (const dir of ['a', 'b']) expect((await compareTrees({ left: bytePath.fromText(join(source, dir)), right: bytePath.fromText(join(target, dir)), content: 'hash' })).differences).toEqual([]);
    expect(await slicesBelow(context.staging.root)).toBe(0);
  });

  it('is shared by two workers', async () => {
    const { site, manifest, source } = await sealed({ worker: { slots: 1 } });
    await site.addWorker('there');
    const target = join(site.dir, 'restore', 'shared');
    const restoreId = ulid();
    expect(await restore(site, manifest, { target, restoreId })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean', archives: 2 } });
    expect((await site.worker.context.runs.hosts(restoreId)).sort()).toEqual(['here', 'there']);
    expect((await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
  });
});
