import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Config } from '../config/config.js';

/** Longest pause between two attempts to reconnect, ms. The default of 20 s leaves a worker blind long after Redis is back. */
const RECONNECT_CAP_MS = 2_000;
/** A command of the producer or CLI fails after this, ms, instead of hanging for as long as Redis is away. */
const COMMAND_TIMEOUT_MS = 3_000;

type RedisConfig = Pick<Config, 'redis' | 'state'>;

/** The private server's socket of a host without configured Redis. */
export function embeddedSocket(config: Pick<Config, 'state'>): string {
  return join(config.state.dir, 'redis.sock');
}

/** What to call the server in messages; never its password. */
export function redisLocation(config: RedisConfig): string {
  if (config.redis.url === null) return embeddedSocket(config);
  const url = new URL(config.redis.url);
  url.password = '';
  url.username = '';
  return url.toString();
}

const common = {
  retryStrategy: (times: number) => Math.min(100 * 2 ** Math.min(times, 10), RECONNECT_CAP_MS),
  lazyConnect: true,
};

/**
 * For Workers and QueueEvents: waits for Redis as long as it takes (BullMQ requires
 * maxRetriesPerRequest null on blocking connections).
 */
export function workerConnection(config: RedisConfig): Redis {
  return new Redis(config.redis.url ?? embeddedSocket(config), { ...common, maxRetriesPerRequest: null });
}

/** For short commands of producer and CLI: fails within COMMAND_TIMEOUT_MS when Redis is dead or frozen. */
export function commandConnection(config: RedisConfig): Redis {
  return new Redis(config.redis.url ?? embeddedSocket(config), {
    ...common,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS,
  });
}
