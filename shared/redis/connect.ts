import { Redis, type RedisOptions } from 'ioredis';
import type { RedisConfig } from './location.js';
import { embeddedSocket } from './location.js';

import { waitForRoom } from './wait-for-room.js';

export { embeddedSocket, redisLocation } from './location.js';

/** Longest pause between two attempts to reconnect, ms. The default of 20 s leaves a worker blind long after Redis is back. */
const RECONNECT_CAP_MS = 2_000;
/** A socket whose other end is gone is given up after this, ms: the default of 2 s keeps every command alive that long after its work is done. */
const DISCONNECT_TIMEOUT_MS = 50;
/** A command of the producer or CLI fails after this, ms, instead of hanging for as long as Redis is away. */
const COMMAND_TIMEOUT_MS = 3_000;

/**
 * A connection that has heard nothing for so long, ms, while an answer was due is given up for a new one: without it a server that went without a word (power, network,
 * a failover) is believed in for the quarter of an hour TCP sends again. Longer than the longest blocking read (10 s).
 */
const SILENCE_MS = 20_000;

const common = {
  socketTimeout: SILENCE_MS,
  retryStrategy: (times: number) => Math.min(100 * 2 ** Math.min(times, 10), RECONNECT_CAP_MS),
  lazyConnect: true,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
};

/**
 * For Workers and QueueEvents: waits for Redis as long as it takes, also while it is full (BullMQ requires
 * maxRetriesPerRequest null on blocking connections).
 */
export function workerConnection(config: RedisConfig): Redis {
  return waitForRoom(open(config, { ...common, maxRetriesPerRequest: null }));
}

/** Name of the connections of producer and CLI in CLIENT LIST: who owns a private Redis sees by it that somebody still needs it. */
export const COMMAND_CLIENT = 'bw-bkup-command';

/** For short commands of producer and CLI: fails within COMMAND_TIMEOUT_MS when Redis is dead or frozen. */
export function commandConnection(config: RedisConfig): Redis {
  return open(config, {
    ...common,
    socketTimeout: COMMAND_TIMEOUT_MS,
    connectionName: COMMAND_CLIENT,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS,
  });
}

/** Lost connections are told by what could not be done; without a listener ioredis would print them. 'legacy' is its default, and the type of `Redis`. */
function open(config: RedisConfig, options: RedisOptions): Redis {
  const redis = new Redis(config.redis.url ?? embeddedSocket(config), { ...options, replyMapping: 'legacy' });
  redis.on('error', () => undefined);
  return redis;
}
