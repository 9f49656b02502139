import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { JOB_VERSION, type RestoreJob } from '../../../shared/queues/job-data.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../../worker/context.js';
import { extractPart } from '../../../worker/jobs/restore/extract-part.js';
import { makeDirectories } from '../../../worker/jobs/restore/make-directories.js';
import { openRestore } from '../../../worker/jobs/restore/open-restore.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';

const SLICE = 16_384;
const BUDGET = 256_000;

/** Two archives of 40 slices or more each: 27 times the share of the budget that backups leave to restores. */
async function sealed(settings: Readonly<Record<string, unknown>>): Promise<{ site: TestSite; manifest: Manifest; source: string }> {
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

/** The same storage as if it were far away: slices must be fetched. `seen` is called with what all of this host's staging holds after each. */
function farAway(context: WorkerContext, seen: (bytes: number) => void): WorkerContext {
  const backends = context.backends.map((near): TransferBackend => {
    const overridden: Partial<TransferBackend> = {
      capabilities: () => ({ ...near.capabilities(), directRead: false }),
      fetch: async (item, options) => {
        await near.fetch(item, options);
        seen(await slicesBelow(context.staging.root));
      },
    };
    return new Proxy(near, { get: (target, name) => (overridden as Record<string | symbol, unknown>)[name] ?? bound(target, name) });
  });
  return { ...context, backends };
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

describe('a restore much larger than its share of staging', () => {
  it('completes within it, two archives at a time', async () => {
    const { site, manifest, source } = await sealed({ staging: { dir: undefined } });
    let peak = 0;
    const context = farAway(site.worker.context, (bytes) => { peak = Math.max(peak, bytes); });
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
    expect(done.reduce((sum, { slicesOpened }) => sum + slicesOpened, 0)).toBeGreaterThan((10 * BUDGET * 0.2) / SLICE);
    expect(peak).toBeLessThanOrEqual(2 * 3 * SLICE);
    expect(peak).toBeGreaterThan(0);
    for (const dir of ['a', 'b']) expect((await compareTrees({ left: bytePath.fromText(join(source, dir)), right: bytePath.fromText(join(target, dir)), content: 'hash' })).differences).toEqual([]);
    expect(await slicesBelow(context.staging.root)).toBe(0);
    await rm(context.staging.backupDir(restoreId), { recursive: true });
  });

  it('is shared by two workers', async () => {
    const { site, manifest, source } = await sealed({ worker: { slots: 1 } });
    await site.addWorker('there');
    const target = join(site.dir, 'restore', 'shared');
    expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean', archives: 2 } });
    expect((await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
  });
});
