import { expect, it } from 'vitest';
import { failuresOfAll, rememberFailure, settleFailures } from '../../../shared/runs/failures.js';
import { startRedis } from '../http/redis.js';

it('a failure that comes while earlier ones are settled stays', async () => {
  const { redis } = await startRedis();
  const of = async (): Promise<unknown> => (await failuresOfAll(redis, ['alice'])).get('alice');
  await rememberFailure(redis, 'alice', 'incremental', 1);
  await settleFailures(redis, 'alice', 'incremental', () => rememberFailure(redis, 'alice', 'full', 2));
  expect(await of()).toEqual({ full: 2, other: null });
  await settleFailures(redis, 'alice', 'full', () => rememberFailure(redis, 'alice', 'incremental', 3));
  expect(await of()).toEqual({ full: null, other: 3 });
  await settleFailures(redis, 'alice', 'full', () => Promise.resolve());
  expect(await of()).toBeUndefined();
});

it('failures of both kinds that are noted at the same time are both noted', async () => {
  const { redis } = await startRedis();
  for (let time = 1; time <= 20; time++) await Promise.all([rememberFailure(redis, `b${time}`, 'full', time), rememberFailure(redis, `b${time}`, 'incremental', time)]);
  const found = await failuresOfAll(redis, Array.from({ length: 20 }, (_, i) => `b${i + 1}`));
  expect([...found.values()]).toEqual(Array.from({ length: 20 }, (_, i) => ({ full: i + 1, other: i + 1 })));
});
