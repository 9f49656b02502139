import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { rebuildIndex } from '../../shared/runs/rebuild-index.js';
import { sweepStaging } from '../../worker/start-context.js';
import { FAST_RETRIES, type TestSite } from '../helpers/site.js';
import { untilNone } from '../integration/bad-input/until.js';
import { compiledProduct } from './compiled-product.js';
import { faultTest } from './frame/fault-test.js';
import { holdDar } from './held-dar.js';
import { QUICK_LOOKS, SHORT_LOCKS, startWorkerProcess, untilDarRuns, untilNothingRuns, type WorkerProcess } from './worker-process.js';

const product = compiledProduct();
const timing = { ...FAST_RETRIES, ...QUICK_LOOKS };
const site = { noWorker: true, timing, settings: { dar: { sliceSize: '1MiB' } } };
const MIB = 1024 * 1024;

/** A worker that stands still in the middle of its archive, which dar completes. */
async function zombieOf(on: TestSite): Promise<{ zombie: WorkerProcess; enqueued: string[] }> {
  const root = join(on.topdir, 'alice');
  await mkdir(root);
  for (const name of ['a', 'b']) await writeFile(join(root, name), Buffer.alloc(3 * MIB, name));
  const held = await holdDar(on.dir, 3);
  const zombie = await startWorkerProcess(product, on, 'zombie', { ...timing, ...SHORT_LOCKS });
  const reports = await on.producer.tick();
  await untilDarRuns(zombie.staging);
  process.kill(zombie.pid, 'SIGSTOP');
  await held.release();
  return { zombie, enqueued: reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId)) };
}

const same = 'another worker of its host takes over what its dar makes meanwhile; what it still does changes nothing';
faultTest({ fault: 'SIGSTOP until the lock is lost', state: 'dar running, same host', name: same, site }, async (on) => {
  const { zombie, enqueued } = await zombieOf(on);
  const successor = await startWorkerProcess(product, on, 'zombie', timing);
  expect(await on.waitFor(enqueued)).toMatchObject([{ state: 'completed', reason: null }]);
  process.kill(zombie.pid, 'SIGCONT');
  await untilNothingRuns(zombie.staging);
  await zombie.close();
  const [manifest] = await on.manifests();
  expect(manifest).toMatchObject({ outcome: 'clean' });
  expect(manifest?.archives.map(({ name }) => /-(t\d+)-/.exec(name)?.[1])).toEqual(['t2', 't1']); // metadata of the basepath, and what the zombie's dar saved
  await successor.close();
  return { sealed: { alice: 1 } };
});

const wiped = 'a backup that Redis has lost stays lost when its worker goes on; the next one is not touched';
faultTest({ fault: 'SIGSTOP, and Redis wiped meanwhile', state: 'dar running', name: wiped, site }, async (on) => {
  const { zombie } = await zombieOf(on);
  const { redis } = on.worker.context.queues;
  const [lost = ''] = await readdir(join(on.config.catalog.dir, 'work'));
  await redis.flushall();
  await rebuildIndex(redis, on.catalog);
  const second = await on.addWorker('second');
  expect(await on.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  process.kill(zombie.pid, 'SIGCONT');
  await untilNothingRuns(zombie.staging);
  await zombie.close();
  const [manifest, ...more] = await on.manifests();
  expect([manifest?.backupId === lost, manifest?.outcome, more]).toEqual([false, 'clean', []]);
  const hourAgo = new Date(Date.now() - 3_600_000);
  for (const start of await readdir(join(on.config.catalog.dir, 'work', lost))) await utimes(join(on.config.catalog.dir, 'work', lost, start), hourAgo, hourAgo);
  await on.producer.tick();
  await sweepStaging(second.context);
  await untilNone('the lost backup is swept', () => readdir(join(on.config.catalog.dir, 'work')));
  return { sealed: { alice: 1 } };
});
