import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { COMMAND_TIMEOUT_MS, commandConnection, connectInTime, redisLocation, workerConnection } from '../../../shared/redis/connect.js';
import { unreachable } from '../../../shared/redis/check-server.js';
import { freePort } from '../../helpers/redis-server.js';
import { startWatchedRedis, type WatchedRedis } from '../../helpers/redis-sentinels.js';
import { faultTest } from '../frame/fault-test.js';
import { LONG_LOCKS, saveDuring, siteOnRedis, spentAttempts, startsSealed } from './redis-site.js';

const started: { redis?: WatchedRedis } = {};

const site = () => siteOnRedis(LONG_LOCKS, async (dir) => (started.redis = await startWatchedRedis(dir)).url);

faultTest({ fault: 'Redis killed, failover by Sentinels', state: 'shard: dar running', site }, async (site) => {
  const { redis } = started;
  if (redis === undefined) return expect.unreachable();
  const jobs = await saveDuring(site, async () => {
    await redis.replicated();
    await redis.master.kill();
  });
  await redis.failedOver();
  expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
  expect(await spentAttempts(site)).toEqual([]);
  expect(await startsSealed(site)).toEqual(['t1']);
  expect(await redis.replica.redis.info('replication')).toContain('role:master');
  const silent = createServer().listen(0, '127.0.0.1'); // a Sentinel that hangs
  onTestFinished(() => { silent.close(); });
  await once(silent, 'listening');
  const url = redis.url.replace('@', `@127.0.0.1:${String((silent.address() as AddressInfo).port)},`);
  const command = commandConnection({ ...site.config, redis: { url } });
  await connectInTime(command, COMMAND_TIMEOUT_MS);
  expect(await command.ping()).toBe('PONG');
  command.disconnect();
  return { sealed: { alice: 1 } };
});

it('Sentinels that do not answer are named, at once', async () => {
  const config = { redis: { url: `redis+sentinel://bw:hunter2@127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}/bw-test` }, state: { dir: '/none' } };
  const redis = commandConnection(config);
  const error: unknown = await redis.connect().catch((thrown: unknown) => unreachable(redisLocation(config), thrown));
  redis.disconnect();
  expect(error).toMatchObject({ code: 'REDIS_UNREACHABLE', subject: config.redis.url.replace('bw:hunter2@', ''), message: 'no Sentinel answers, or none knows a master of this name' });
});

it('who waits for Sentinels that do not answer can be ended', async () => {
  const redis = workerConnection({ redis: { url: `redis+sentinel://127.0.0.1:${await freePort()}/bw-test` }, state: { dir: '/none' } });
  const answer = redis.get('x');
  await once(redis, 'error');
  redis.disconnect();
  await expect(answer).rejects.toThrow('Connection is closed.');
});
