import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { openProducer } from '../../../producer/producer.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { SuspicionStore } from '../../../shared/hosts/suspicion.js';
import { preemptionKey, QUEUES } from '../../../shared/queues/names.js';
import { workerOptions } from '../../../shared/queues/options.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { RunStore } from '../../../shared/runs/run-store.js';
import { testSite } from '../../helpers/site.js';
import { startRedis } from '../http/redis.js';
import { makeGone } from '../tasks/task-site.js';

describe('a look at what waits', () => {
  it('lets a full that was put off wait for a slot when its time has come, though no worker asks for a job', async () => {
    const { redis } = await startRedis();
    const queues = new QueueSet(redis);
    onTestFinished(() => queues.close());
    for (const [jobId, delay] of [['soon', 60_000], ['later', 600_000]] as const) await queues.backup.add('backup', {}, { jobId, delay, priority: priorityOf('full') });
    const watch = new WaitingWatch({ queues, runs: new RunStore(redis), maxPerBackup: 3 });
    const now = Date.now();
    await watch.look(now);
    expect(await queues.backup.getDelayedCount()).toBe(2);
    await watch.look(now + 61_000);
    expect((await queues.backup.getPrioritized()).map(({ id }) => id)).toEqual(['soon']);
    expect((await queues.backup.getDelayed()).map(({ id }) => id)).toEqual(['later']);
  });
});

/** Hosts whose workers are connected, each with a shard of an incremental; that of the first would be the last to be chosen. Their ids by host. */
async function incrementalsOn(redis: Redis, queues: QueueSet, hosts: readonly string[]): Promise<Map<string, string>> {
  const jobIds = new Map<string, string>();
  for (const host of hosts) {
    const connection = redis.duplicate();
    const worker = new Worker(QUEUES.backup, null, { ...workerOptions(`${host}/${QUEUES.backup}`, 1), connection });
    onTestFinished(async () => { await worker.close(true); connection.disconnect(); });
    const added = await queues.backup.add('shard', { backupId: ulid(), shard: 1, priorityClass: 'incremental' }, { priority: priorityOf('incremental') });
    expect((await worker.getNextJob(host)).id).toBe(added.id);
    jobIds.set(host, String(added.id));
  }
  await expect.poll(async () => (await queues.backup.getWorkers()).length).toBe(hosts.length);
  return jobIds;
}

describe('a full that waits', () => {
  it('gets the slot of a host that can give it one: not of one that is dead, also when that was told to stop, nor of one that was set aside', async () => {
    const { redis } = await startRedis();
    const queues = new QueueSet(redis);
    onTestFinished(() => queues.close());
    const jobIds = await incrementalsOn(redis, queues, ['there', 'aside', 'dead', 'dead-too']);
    await makeGone(redis, 'dead'); // `there` is heard
    await new Presence(redis).beat({ incarnation: 'a', host: 'aside', pid: 2, startedAt: '1', bootId: 'b', pidNamespace: 'n', lockers: [] });
    await redis.set(preemptionKey(jobIds.get('dead-too') ?? '', 1), '1');
    await new SuspicionStore(redis).record({ basepathId: 'b', topdir: '/u', host: 'aside', answered: false });
    await queues.backup.add('backup', { backupId: ulid(), priorityClass: 'full' }, { jobId: 'full', priority: priorityOf('full') });
    const watch = new WaitingWatch({ queues, runs: new RunStore(redis), maxPerBackup: 3 });
    expect(await watch.look()).toEqual([]);
    expect((await watch.look()).map(({ jobId }) => jobId)).toEqual([jobIds.get('there')]);
    expect(await watch.look()).toEqual([]);
  });
});

describe('a producer', () => {
  it.each([[true, 'looks for what waits'], [false, 'does not, where preemption is off']])('with preemption.enabled: %s %s', async (enabled) => {
    const site = await testSite({ noWorker: true, settings: { preemption: { enabled } } });
    const look = vi.spyOn(WaitingWatch.prototype, 'look').mockResolvedValue([]);
    onTestFinished(() => { look.mockRestore(); });
    const { config, catalog, worker } = site;
    const producer = await openProducer({ config, catalog, logger: worker.context.logger, redis: worker.context.queues.redis });
    producer.start();
    await producer.close(); // after the first round of each loop
    expect(look.mock.calls.length > 0).toBe(enabled);
  });
});
