import { describe, expect, it } from 'vitest';
import { FAIR_KEY } from '../../../shared/queues/names.js';
import { planTurn, shardPriorities, takePlanTurn } from '../../../shared/queues/fair-share.js';
import { laneOf } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { startRedis } from '../http/redis.js';

const lane = laneOf(30);

describe('turns of a lane in Redis', () => {
  it('are those of the pure rules, whatever waits', async () => {
    const { redis } = await startRedis();
    const { backup } = new QueueSet(redis);
    let next = 0;
    for (const place of [null, 64, 1, 900, 3, null, 63]) {
      if (place === null) await backup.drain();
      else await backup.add('shard', {}, { priority: lane.first + place });
      const heads = (await backup.getPrioritized()).map(({ priority }) => priority);
      const expected = planTurn(lane, { head: heads.length === 0 ? null : Math.min(...heads), next });
      expect(await takePlanTurn(redis, 'full')).toBe(expected.priority);
      next = expected.next;
    }
    await backup.close();
  });

  it('seals, other lanes and what was brought forward do not count as waiting', async () => {
    const { redis } = await startRedis();
    const { backup } = new QueueSet(redis);
    for (const priority of [1, lane.seal, laneOf(20).last, laneOf(40).seal]) await backup.add('job', {}, { priority });
    await redis.hset(FAIR_KEY, '30', lane.first + 500);
    expect(await takePlanTurn(redis, 'full')).toBe(lane.first + 1);
    expect(await shardPriorities(redis, 'full', lane.seal, [{ records: 1, bytes: 0n }])).toEqual([lane.first]);
    await backup.close();
  });

  it('move down together, in their order, when the lane is used up to its middle; other lanes stay', async () => {
    const { redis } = await startRedis();
    const { backup } = new QueueSet(redis);
    const middle = lane.first + Math.ceil((lane.last - lane.first) / 2);
    const places = [middle + 10, middle + 10, middle + 74, lane.last];
    for (const [index, priority] of places.entries()) await backup.add('shard', {}, { priority, jobId: `job-${index}` });
    await backup.add('other', {}, { priority: laneOf(40).first, jobId: 'other-1' });
    expect(await takePlanTurn(redis, 'full')).toBe(lane.first + 1);
    const waiting = await backup.getPrioritized();
    expect(waiting.map(({ id }) => id)).toEqual(['job-0', 'job-1', 'job-2', 'job-3', 'other-1']);
    const down = middle + 10 - (lane.first + 1);
    expect(waiting.map(({ priority }) => priority)).toEqual([...places.map((place) => place - down), laneOf(40).first]);
    expect(await backup.getCountsPerPriority([lane.first + 1, lane.first + 65])).toEqual({ [lane.first + 1]: 2, [lane.first + 65]: 1 });
    await backup.close();
  });
});
