import { describe, expect, it } from 'vitest';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { decideAll, manyBasepaths } from '../../helpers/many-basepaths.js';
import { SCHEDULE } from '../../unit/producer/policy/samples.js';
import { startRedis } from '../http/redis.js';

const BASEPATHS = 100_000;

describe('deciding what is due', () => {
  it('takes below 5 s for 100,000 basepaths of 30 backups each, and below 4 kB of Redis for each', async () => {
    const queues = new QueueSet((await startRedis()).redis);
    const { records, bytesEach } = await manyBasepaths(queues, BASEPATHS);
    expect(bytesEach).toBeLessThan(4_000);
    const started = process.cpuUsage();
    const decided = await decideAll(queues, SCHEDULE, records);
    // Processor time, of which almost all of it is, so that a busy machine does not fail the test.
    const { user, system } = process.cpuUsage(started);
    expect(decided.basepaths).toHaveLength(BASEPATHS);
    expect(decided.basepaths.some(({ full }) => full.act === 'enqueue')).toBe(true);
    expect((user + system) / 1000).toBeLessThan(5_000);
  });
});
