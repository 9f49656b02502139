import { readFile } from 'node:fs/promises';
import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import { createMetrics } from '../../../shared/metrics/index.js';
import { PREFIX } from '../../../shared/queues/names.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { sampleOf } from '../../unit/shared/metrics/samples.js';
import { serve } from '../../unit/shared/http/server.js';
import { startRedis } from './redis.js';

/** A queue with jobs, and metrics of it. `collectTimeoutMs`: longer than a machine stands still, unless Redis is to be missed. */
async function metricsOfQueue(collectTimeoutMs = 10_000) {
  const errors: string[] = [];
  const server = await startRedis();
  const backup = server.queue('backup');
  await backup.addBulk([
    { name: 'full', data: {}, opts: { priority: priorityOf('full') } },
    { name: 'shard', data: {}, opts: { priority: priorityOf('full', 'shard') } },
    { name: 'incremental', data: {}, opts: { priority: priorityOf('incremental') } },
    { name: 'incremental', data: {}, opts: { priority: priorityOf('overdue-incremental') } },
    { name: 'unranked', data: {}, opts: { priority: 2_000_000 } },
    { name: 'later', data: {}, opts: { delay: 3_600_000 } },
  ]);
  const onCollectorError = (collector: string, { code }: { code: string }) => errors.push(`${collector} ${code}`);
  const metrics = createMetrics({ host: 'ie1', component: 'producer', collectTimeoutMs, onCollectorError });
  metrics.collectQueues([backup, server.queue('transfer-ie1')], server.redis);
  const jobs = (text: string, state: string, level: string) => sampleOf(text, 'bw_jobs', { queue: 'backup', state, level });
  return { ...server, backup, metrics, errors, jobs };
}

test('a real queue is counted by state and level, the running job too', async () => {
  const { backup, metrics, jobs, redis } = await metricsOfQueue();
  const before = await metrics.render();
  expect([jobs(before, 'prioritized', 'full'), jobs(before, 'prioritized', 'incremental')]).toEqual([2, 2]);
  expect([jobs(before, 'prioritized', ''), jobs(before, 'delayed', ''), jobs(before, 'active', '')]).toEqual([1, 1, 0]);
  expect(sampleOf(before, 'bw_jobs', { queue: 'transfer-ie1', state: 'failed' })).toBe(0);
  expect(sampleOf(before, 'bw_redis_up', {})).toBe(1);

  const worker = new Worker(backup.name, null, { connection: redis, prefix: PREFIX, autorun: false });
  const job = await worker.getNextJob('token');
  expect(job.name).toBe('shard');
  const during = await metrics.render();
  expect([jobs(during, 'active', 'full'), jobs(during, 'active', ''), jobs(during, 'prioritized', 'full')]).toEqual([1, 0, 1]);
  await job.moveToFailed(new Error('no space'), 'token', false);
  expect(jobs(await metrics.render(), 'failed', '')).toBe(1);
  await worker.close();
});

test('/metrics answers in time while Redis is frozen, and counts again when it goes on', async () => {
  const { child, metrics, jobs, errors } = await metricsOfQueue(200);
  const { url } = await serve({ metrics });
  const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  const counted = async (): Promise<unknown[]> => {
    const text = await scrape();
    return [sampleOf(text, 'bw_redis_up', {}), jobs(text, 'delayed', '')];
  };
  // Scrapes again where the machine stands still for longer than Redis is waited for.
  await expect.poll(counted).toEqual([1, 1]);

  errors.length = 0;
  child.pause();
  await expect.poll(() => readFile(`/proc/${child.pid}/stat`, 'utf8')).toContain(') T '); // who pauses it is a process of its own
  const startedAt = performance.now();
  expect(await counted()).toEqual([0, null]);
  expect(performance.now() - startedAt).toBeLessThan(10_000); // of Prometheus; without a limit it would wait for ever
  expect(errors).toEqual(['queues CALL_TIMEOUT']);

  child.resume();
  await expect.poll(counted).toEqual([1, 1]);
});

test('/metrics answers while Redis is dead', async () => {
  const { child, metrics, jobs } = await metricsOfQueue(200);
  child.kill();
  await child.exited;
  const text = await metrics.render();
  expect([sampleOf(text, 'bw_redis_up', {}), sampleOf(text, 'bw_collector_up', { collector: 'queues' })]).toEqual([0, 0]);
  expect(jobs(text, 'delayed', '')).toBeNull();
  expect(sampleOf(text, 'bw_build_info', {})).toBe(1);
});
