import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { FAST_RETRIES, testSite, type TestSite } from '../../helpers/site.js';
import { expectSwept, filesBelow } from '../../integration/bad-input/leftovers.js';
import { bytes, restore, resultOf } from '../../integration/bad-input/restoring.js';
import { filesIn } from '../../integration/segments/files-in.js';
import { makeTree } from '../../integration/segments/make-tree.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { compiledProduct } from '../compiled-product.js';
import { startWorkerProcess, untilNothingRuns } from '../worker-process.js';

const product = compiledProduct();
const DIRS = 6;
const FILES = 8;

interface Killed {
  readonly site: TestSite;
  readonly root: string;
  readonly manifest: Manifest;
}

/** A worker is killed in the middle of its archive, `then` happens, and a worker of the same host is started again. Its lock would hold for five minutes. */
async function killInTheMiddle(then: (staging: string, site: TestSite) => Promise<unknown>): Promise<Killed> {
  const site = await testSite({ noWorker: true, settings: { worker: { slots: 1, transferSlots: 1 }, dar: { sliceSize: '512KiB', compression: 'bzip2:9' } } });
  const root = join(site.topdir, 'alice');
  await makeTree(root, { dirs: DIRS, files: FILES });
  const dar = await stopDarAt(site.dir, { slice: 4, bytes: 100_000 });
  const first = await startWorkerProcess(product, site, 'first', FAST_RETRIES);
  const [report] = await site.producer.tick();
  const waiting = site.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
  await dar.stands();
  await first.kill();
  await then(first.staging, site);
  await startWorkerProcess(product, site, 'first', FAST_RETRIES);
  expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  expect(manifest).toMatchObject({ outcome: 'clean', counts: { records: 2 + DIRS * (FILES + 2), exceptions: 0 } });
  return { site, root, manifest };
}

async function expectRestores({ site, root, manifest }: Killed): Promise<void> {
  await expectSwept(site, ['first', 'second'].map((host) => join(site.dir, `staging-${host}`)));
  const restored = await restore(site, manifest);
  expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
  expect((await compareTrees({ left: bytes(root), right: bytes(restored.target), content: 'hash' })).differences).toEqual([]);
}

/** `KEY START` of the archives of data. */
function dataOf(manifest: Manifest): string[] {
  return manifest.archives.filter(({ kind }) => kind === 'data').map(({ key, name }) => `${key} ${/-(t\d+)-/.exec(name)?.[1] ?? ''}`);
}

/** When the dar that was closed early is done. */
async function cutLastSlice(staging: string): Promise<void> {
  await untilNothingRuns(staging);
  const slices = (await filesBelow(staging)).filter((file) => /\.1\.\d+\.dar$/.test(file)).sort();
  const last = slices.at(-1) ?? '';
  await truncate(last, (await stat(last)).size - 1_000);
}

describe('a worker that is killed in the middle of its archive', () => {
  it('its successor keeps what it saved and gives the job back: whichever host goes on reads nothing of it again', async () => {
    const killed = await killInTheMiddle((_, site) => site.addWorker('second'));
    const { site, manifest } = killed;
    expect(dataOf(manifest)).toEqual(['1.1 t1', '1.2 t2']);
    const shard = await site.worker.context.queues.backup.getJob(`shard.${manifest.backupId}.1`);
    expect(shard).toMatchObject({ attemptsMade: 1, attemptsStarted: 2, stalledCounter: 1 });
    const [before = [], after = []] = await Promise.all(['1.1', '1.2'].map((key) => filesIn(site, manifest, key)));
    expect(before.length).toBeGreaterThan(10);
    expect(after.filter((path) => before.includes(path) && !path.endsWith('/shared'))).toEqual([]);
    expect(new Set([...before, ...after]).size).toBe(1 + DIRS * (FILES + 1));
    await expectRestores(killed);
  });

  it('a last slice that was cut short proves nothing: the shard is saved anew', async () => {
    const killed = await killInTheMiddle(async (staging, site) => {
      await cutLastSlice(staging);
      await site.addWorker('second');
    });
    expect(dataOf(killed.manifest)).toEqual(['1.1 t2']);
    await expectRestores(killed);
  });
});
