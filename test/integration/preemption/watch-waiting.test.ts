import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WaitingWatch } from '../../../producer/preemption/watch-waiting.js';
import { openProducer } from '../../../producer/producer.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { RunStore } from '../../../shared/runs/run-store.js';
import { testSite } from '../../helpers/site.js';
import { startRedis } from '../http/redis.js';

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
