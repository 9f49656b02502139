import { Worker, type Job } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { PREFIX } from '../../../shared/queues/names.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { orderBundleSweep, orderMetadataBundles } from '../../../shared/runs/order-site-jobs.js';
import { startRedis } from '../http/redis.js';

it.each([
  ['refresh-kit', orderKitRefresh],
  ['bundle-metadata', (queues: QueueSet) => orderMetadataBundles(queues, 60_000)],
  ['sweep-bundles', orderBundleSweep],
] as const)('%s: however many orders come while one waits, it is done once; those that come while it is done are done after it', async (name, order) => {
  const { redis } = await startRedis();
  const queues = new QueueSet(redis);
  const queue = name === 'sweep-bundles' ? queues.erasing : queues.cleanup;
  const worker = new Worker(queue.name, null, { connection: redis, prefix: PREFIX, autorun: false });
  onTestFinished(async () => {
    await worker.close();
    await queues.close();
  });
  const waiting = (): Promise<Job[]> => queue.getJobs(['delayed', 'waiting', 'prioritized']);
  for (let time = 0; time < 3; time++) await order(queues);
  const [ordered, ...more] = await waiting();
  expect([ordered?.name, more]).toEqual([name, []]);
  if ((await ordered?.isDelayed()) === true) await ordered?.promote();
  const active = (await worker.getNextJob('token')) as Job | undefined;
  for (let time = 0; time < 3; time++) await order(queues);
  expect(await waiting()).toEqual([]);
  await active?.moveToCompleted(null, 'token', false);
  expect((await waiting()).map((job) => job.name)).toEqual([name]);
});
