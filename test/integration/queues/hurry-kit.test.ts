import { DelayedError, Worker, type Job } from 'bullmq';
import { expect, it, onTestFinished, vi } from 'vitest';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { PREFIX } from '../../../shared/queues/names.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { hurryKitRefresh, orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { startRedis } from '../http/redis.js';

type Work = (queues: QueueSet, job: Job, token: string | undefined) => Promise<void>;

async function site(work: Work | null): Promise<{ queues: QueueSet; worker: Worker; done: () => number }> {
  const { redis } = await startRedis();
  const queues = new QueueSet(redis);
  let done = 0;
  const connection = redis.duplicate();
  const worker = new Worker(queues.cleanup.name, work === null ? null : async (job, token) => { done++; await work(queues, job, token); }, { connection, prefix: PREFIX, autorun: work !== null });
  onTestFinished(async () => {
    await worker.close();
    connection.disconnect();
    await queues.close();
  });
  return { queues, worker, done: () => done };
}

it('one that is taken by itself in the moment it is hurried is no failure; that it cannot be hurried is', async () => {
  const { queues, worker } = await site(null);
  await orderKitRefresh(queues);
  const delayed = await queues.cleanup.getDelayed();
  await delayed[0]?.promote();
  await worker.getNextJob('token');
  vi.spyOn(queues.cleanup, 'getDelayed').mockResolvedValueOnce(delayed);
  expect(await hurryKitRefresh(queues)).toEqual([delayed[0]?.id]);

  const [other] = [await queues.cleanup.add('refresh-kit', {}, { delay: 60_000 })];
  vi.spyOn(other, 'promote').mockRejectedValueOnce(new Error('no room'));
  vi.spyOn(queues.cleanup, 'getDelayed').mockResolvedValueOnce([other]);
  await expect(hurryKitRefresh(queues)).rejects.toThrow('no room');
});

it('a refresh that is ordered while one is done is done too', async () => {
  const { queues, done } = await site(async (set, job) => { if (job.id === '1') await orderKitRefresh(set); });
  await orderKitRefresh(queues);
  await drainCleanupAndKits(queues, 'here');
  expect([done(), await queues.cleanup.getDelayedCount()]).toEqual([2, 0]);
});

it('is not waited for for ever', async () => {
  const { queues, done } = await site((set) => orderKitRefresh(set));
  await orderKitRefresh(queues);
  await drainCleanupAndKits(queues, 'here');
  expect([done(), await queues.cleanup.getDelayedCount()]).toEqual([5, 1]);
});

it('one that is to wait is hurried once', async () => {
  const { queues, done } = await site(async (_, job, token) => {
    await job.moveToDelayed(Date.now() + 600_000, token);
    throw new DelayedError();
  });
  await orderKitRefresh(queues);
  await drainCleanupAndKits(queues, 'here');
  expect([done(), await queues.cleanup.getDelayedCount()]).toEqual([1, 1]);
});
