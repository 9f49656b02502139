import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { FAST_RETRIES, type TestSite } from '../../helpers/site.js';
import { filesBelow } from '../../integration/bad-input/leftovers.js';
import { filesIn } from '../../integration/segments/files-in.js';
import { makeTree } from '../../integration/segments/make-tree.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { compiledProduct } from '../compiled-product.js';
import { faultTest, type Expected } from '../frame/fault-test.js';
import { startWorkerProcess, untilNothingRuns } from '../worker-process.js';

const product = compiledProduct();
const DIRS = 6;
const FILES = 6;
const expected: Expected = { sealed: { alice: 1 } };
const site = { noWorker: true, settings: { worker: { slots: 1, transferSlots: 1 }, dar: { sliceSize: '512KiB', compression: 'bzip2:9' } } };

/** A worker is killed in the middle of its archive, `then` happens, and a worker of the same host is started again, beside one of another. Its lock would hold for five minutes. */
async function killInTheMiddle(on: TestSite, then: (staging: string) => Promise<void> = () => Promise.resolve()): Promise<Manifest> {
  await makeTree(join(on.topdir, 'alice'), { dirs: DIRS, files: FILES });
  const dar = await stopDarAt(on.dir, { slice: 4, sliceBytes: 512 * 1024, bytes: 100_000 });
  const first = await startWorkerProcess(product, on, 'first', FAST_RETRIES);
  const [report] = await on.producer.tick();
  const waiting = on.waitFor(report?.enqueued.map(({ jobId }) => jobId) ?? []);
  await dar.stands();
  await first.kill();
  await then(first.staging);
  await on.addWorker('second');
  await startWorkerProcess(product, on, 'first', FAST_RETRIES);
  expect(await waiting).toMatchObject([{ state: 'completed', reason: null }]);
  const [manifest] = await on.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  expect(manifest).toMatchObject({ outcome: 'clean', counts: { records: 2 + DIRS * (FILES + 2), exceptions: 0 } });
  const shard = await on.worker.context.queues.backup.getJob(`shard.${manifest.backupId}.1`);
  expect(shard).toMatchObject({ attemptsMade: 1, attemptsStarted: 2, stalledCounter: 1 });
  return manifest;
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

const kept = 'its successor keeps what it saved and gives the job back: whichever host goes on reads nothing of it again';
faultTest({ fault: 'SIGKILL of the worker', state: 'shard: in the middle of an archive', name: kept, site }, async (on) => {
  const manifest = await killInTheMiddle(on);
  expect(dataOf(manifest)).toEqual(['1.1 t1', '1.2 t2']);
  const [before = [], after = []] = await Promise.all(['1.1', '1.2'].map((key) => filesIn(on, manifest, key)));
  expect(before.length).toBeGreaterThan(10);
  expect(after.filter((path) => before.includes(path) && !path.endsWith('/shared'))).toEqual([]);
  expect(new Set([...before, ...after]).size).toBe(1 + DIRS * (FILES + 1));
  return expected;
});

const cut = 'a last slice that is cut short proves nothing: the shard is saved anew';
faultTest({ fault: 'archive cut short', state: 'shard: left by a killed worker', name: cut, site }, async (on) => {
  expect(dataOf(await killInTheMiddle(on, cutLastSlice))).toEqual(['1.1 t2']);
  return expected;
});
