import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { sentinelUrlText } from '../../shared/config/sentinel-url.js';
import { until } from '../integration/bad-input/until.js';
import { freePort, startRedisServer, type RedisServer } from './redis-server.js';

export const MASTER_NAME = 'bw-test';
const SENTINELS = 3;
const PASSWORD = 'p@ss/w:rd';
const SENTINEL_PASSWORD = 's&ntinel';
/** A master that is silent for so long, ms, is replaced. */
const DOWN_AFTER_MS = 1_000;

/** A master, its replica, and three Sentinels that know of each other, with passwords. */
export interface WatchedRedis {
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** What was written until now is on the replica, too. */
  replicated(): Promise<void>;
  /** Resolves when every Sentinel names the replica as the master. */
  failedOver(): Promise<void>;
}

export async function startWatchedRedis(dir: string): Promise<WatchedRedis> {
  const [master, replica] = [await serverIn(join(dir, 'master')), await serverIn(join(dir, 'replica'))];
  await replica.redis.replicaof('127.0.0.1', master.port);
  await until('the replica follows', async () => (/master_link_status:up/.test(await replica.redis.info('replication')) ? true : null));
  for (const { redis } of [master, replica]) await redis.config('SET', 'masterauth', PASSWORD);
  for (const { redis } of [master, replica]) {
    await redis.config('SET', 'requirepass', PASSWORD);
    redis.options.password = PASSWORD; // when it connects again: a failover closes all connections
  }
  const sentinels: Redis[] = [];
  for (let i = 0; i < SENTINELS; i += 1) sentinels.push(await startSentinel(join(dir, `sentinel-${i}`), master.port));
  const all = async (looks: (sentinel: Redis) => Promise<boolean>): Promise<true | null> => ((await Promise.all(sentinels.map(looks))).every(Boolean) ? true : null);
  await until('the Sentinels know all', () => all(async (sentinel) => /slaves=1,sentinels=3/.test(await sentinel.info('sentinel'))));
  return {
    url: sentinelUrlText({ tls: false, user: '', password: PASSWORD, sentinels: sentinels.map(({ options }) => ({ host: '127.0.0.1', port: options.port ?? 0 })), name: MASTER_NAME, db: 0, sentinelPassword: SENTINEL_PASSWORD }),
    master,
    replica,
    replicated: async () => {
      await master.redis.set('test:replicated', '1'); // WAIT counts from the last thing its own connection wrote
      if ((await master.redis.wait(1, 5_000)) !== 1) throw new Error('the replica does not follow');
    },
    failedOver: async () => {
      const named = (sentinel: Redis): Promise<unknown> => sentinel.call('SENTINEL', 'get-master-addr-by-name', MASTER_NAME);
      await until('the failover is through', () => all(async (sentinel) => String(await named(sentinel)).endsWith(`,${replica.port}`)), 120_000); // a vote that was split is repeated after ten seconds
    },
  };
}

async function serverIn(dir: string): Promise<RedisServer> {
  await mkdir(dir, { recursive: true });
  return startRedisServer(dir, { settings: { 'repl-diskless-sync-delay': '0' } });
}

async function startSentinel(dir: string, masterPort: number): Promise<Redis> {
  const port = await freePort();
  const file = join(dir, 'sentinel.conf'); // rewritten by the Sentinel
  await mkdir(dir);
  const settings = [`monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2`, `auth-pass ${MASTER_NAME} ${PASSWORD}`, `down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`, `failover-timeout ${MASTER_NAME} 5000`];
  await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `requirepass ${SENTINEL_PASSWORD}`, ...settings.map((setting) => `sentinel ${setting}`), ''].join('\n'));
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const redis = new Redis({ port, host: '127.0.0.1', password: SENTINEL_PASSWORD, maxRetriesPerRequest: null, retryStrategy: () => 20, enableReadyCheck: false });
  redis.on('error', () => undefined); // it is starting
  onTestFinished(async () => {
    redis.disconnect();
    child.kill('SIGKILL');
    await exited;
  });
  await redis.ping();
  return redis;
}
