import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { parseSentinelUrl, type SentinelUrl } from '../config/sentinel-url.js';
import { embeddedSocket, type RedisConfig } from './location.js';
import { waitForRoom } from './wait-for-room.js';

export { embeddedSocket, redisLocation } from './location.js';

/** Longest pause between two attempts to reconnect, ms. The default of 20 s leaves a worker blind long after Redis is back. */
const RECONNECT_CAP_MS = 2_000;
/** A socket whose other end is gone is given up after this, ms: the default of 2 s keeps every command alive that long after its work is done. */
const DISCONNECT_TIMEOUT_MS = 50;
/** A command of the producer or CLI fails after this, ms, instead of hanging for as long as Redis is away. */
export const COMMAND_TIMEOUT_MS = 3_000;

/**
 * A connection that has heard nothing for so long, ms, while an answer was due is given up for a new one: without it a server that went without a word (power, network,
 * a failover) is believed in for the quarter of an hour TCP sends again. Longer than the longest blocking read (10 s).
 */
const SILENCE_MS = 20_000;

/** The next Sentinel is asked after this, ms: a host that is down must not use up COMMAND_TIMEOUT_MS. */
const SENTINEL_TIMEOUT_MS = 1_000;

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

/** Whoever starts does not wait for Redis as a running worker does, ms. Loading a big append-only file takes longer: who starts us tries again. */
const START_TIMEOUT_MS = 10_000;

/** Connects, or rejects with why not: what was said of it last says more than that it is closed. */
export async function connectInTime(redis: Redis, timeoutMs = START_TIMEOUT_MS): Promise<void> {
  const last: { error?: Error } = {};
  const onError = (error: Error): void => { last.error = error; };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(new Error('Command timed out')); }, timeoutMs); });
  redis.on('error', onError);
  try {
    await Promise.race([redis.connect(), late]);
  } catch (thrown) {
    throw last.error ?? thrown;
  } finally {
    clearTimeout(timer);
    redis.off('error', onError);
  }
}

/** Lost connections are told by what could not be done; without a listener ioredis would print them. 'legacy' is its default, and the type of `Redis`. */
function open(config: RedisConfig, options: RedisOptions): Redis {
  const { url } = config.redis;
  const sentinel = url === null ? null : parseSentinelUrl(url);
  if (sentinel !== null) return failingAtOnce(prepared(new Redis({ ...options, ...bySentinel(sentinel), replyMapping: 'legacy' })));
  return prepared(new Redis(url ?? embeddedSocket(config), { ...options, replyMapping: 'legacy' }));
}

/**
 * Asks the Sentinels where the master is, each time it connects; ioredis believes a server only that says it is a master. One that is made a replica closes its connections
 * (Sentinel sees to that), so a failover is a short outage.
 */
function bySentinel({ tls, user, password, sentinels, name, db, sentinelPassword }: SentinelUrl): RedisOptions {
  return {
    sentinels: [...sentinels],
    name,
    db,
    ...(user === '' ? {} : { username: user }),
    ...(password === '' ? {} : { password }),
    ...(sentinelPassword === '' ? {} : { sentinelPassword }),
    connectTimeout: SENTINEL_TIMEOUT_MS, // to Sentinels and to the master
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  };
}

/** As long as no Sentinel names a master, ioredis asks on and on: whoever connects is told at the first failure, as of a server that is away. It goes on trying until it is closed. */
function failingAtOnce(redis: Redis): Redis {
  const connect = redis.connect.bind(redis);
  redis.connect = async (): Promise<void> => {
    const heard = new AbortController();
    const failed = once(redis, 'error', { signal: heard.signal }).then(([error]) => { throw error as Error; });
    try {
      await Promise.race([connect(), failed]);
    } finally {
      heard.abort();
    }
  };
  return redis;
}

/** Those that BullMQ makes of it are as well. */
function prepared(redis: Redis): Redis {
  const duplicate = redis.duplicate.bind(redis);
  redis.on('error', () => undefined);
  redis.duplicate = ((override) => prepared(duplicate(override)));
  endWhileReconnecting(redis);
  return redis;
}

/** What ioredis keeps to itself. */
interface Inner {
  flushQueue(error: Error): void;
  setStatus(status: string): void;
}

/** Disconnected between two attempts to connect, ioredis 6.0.0 ends neither the connection nor what waits for it: whoever awaits an answer would wait for ever. */
function endWhileReconnecting(redis: Redis): void {
  const disconnect = redis.disconnect.bind(redis);
  redis.disconnect = (reconnect = false): void => {
    const between = redis.status === 'reconnecting';
    disconnect(reconnect);
    if (reconnect || !between) return;
    const inner = redis as unknown as Inner;
    inner.setStatus('end');
    inner.flushQueue(new Error('Connection is closed.'));
  };
}
