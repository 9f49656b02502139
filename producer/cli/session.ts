import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Redis } from 'ioredis';
import { loadConfig } from '../../shared/config/load-config.js';
import type { Config } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { QueueSet } from '../../shared/queues/queue-set.js';
import { checkRedis, unreachable } from '../../shared/redis/check-server.js';
import { COMMAND_TIMEOUT_MS, commandConnection, connectInTime, embeddedSocket, redisLocation } from '../../shared/redis/connect.js';
import { answers, type Door } from '../../shared/redis/embedded.js';
import { RunStore } from '../../shared/runs/run-store.js';
import { configRequest } from './config/config-options.js';
import { finishForOthers } from './finish-for-others.js';
import type { CommonOptions, Site } from './site.js';

export interface Session extends Site {
  readonly queues: QueueSet;
  readonly runs: RunStore;
  /** The work is done by this very process: it must stay until it is done. */
  readonly local: boolean;
  /** Ends the local worker, giving back what it works on, but not its Redis; no effect without one. */
  stopWork(): Promise<void>;
  /** `signal`: do not wait for other commands that use a local worker. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface LocalService {
  /** Of its Redis. */
  readonly door: Door;
  stopWork(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts Redis, and a worker if `parts` says so, in this process, for hosts where no standalone runs; given by the composition root.
 * Throws STANDALONE_RUNNING when another process is just about to.
 */
export type StartLocal = (config: Config, logger: Logger, parts: 'redis' | 'worker') => Promise<LocalService>;

/** Another process that has the state directory gets its Redis ready within this, ms. */
const OTHER_START_MS = 60_000;
const POLL_MS = 50;

/**
 * Opens what a command needs to give orders. Without a configured Redis and with no standalone running, work is done
 * in this process. Throws REDIS_UNREACHABLE, CONFIG_INVALID when this host cannot do the work itself.
 */
export async function openSession(site: Site, options: CommonOptions, startLocal: StartLocal, parts: 'redis' | 'worker' = 'worker'): Promise<Session> {
  for (let isFirst = true; ; isFirst = false) {
    const local = await startLocalIfNeeded(site, options, startLocal, parts);
    try {
      const redis = await connect(site.config);
      return { ...site, queues: new QueueSet(redis, site.config.removal.eraser), runs: new RunStore(redis), ...ending(site, redis, local) };
    } catch (thrown) {
      await local?.close();
      const hasGone = local === null && site.config.redis.url === null && !(await answers(embeddedSocket(site.config)));
      if (!isFirst || !hasGone) throw thrown; // the process that had it was just ending: then it is for us to start it
    }
  }
}

async function connect(config: Config): Promise<Redis> {
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // every command reports its own failure
  const where = redisLocation(config);
  try {
    await connectInTime(redis, COMMAND_TIMEOUT_MS).catch((thrown: unknown) => {
      throw unreachable(where, thrown);
    });
    await checkRedis(redis, where);
    return redis;
  } catch (thrown) {
    redis.disconnect();
    throw thrown;
  }
}

function ending(site: Site, redis: Redis, local: LocalService | null): Pick<Session, 'local' | 'stopWork' | 'close'> {
  const since = Date.now();
  return {
    local: local !== null,
    stopWork: async () => local?.stopWork(),
    close: async (signal) => {
      if (local !== null && signal?.aborted !== true) await finishForOthers({ redis, logger: site.logger, since, signal }, local.door);
      redis.disconnect();
      await local?.close();
    },
  };
}

async function startLocalIfNeeded(site: Site, options: CommonOptions, startLocal: StartLocal, parts: 'redis' | 'worker'): Promise<LocalService | null> {
  if (site.config.redis.url !== null) return null;
  const socket = embeddedSocket(site.config);
  if (await answers(socket)) return null;
  // Now it is this host that works: its directories must be there.
  const { config } = await loadConfig({ ...configRequest(options, process.env), filesystem: 'stores' });
  site.logger.info('no standalone is running here: working in this process');
  const deadline = performance.now() + OTHER_START_MS;
  for (;;) {
    try {
      return await startLocal(config, site.logger, parts);
    } catch (thrown) {
      if (!(thrown instanceof BwError) || thrown.code !== 'STANDALONE_RUNNING') throw thrown;
    }
    // Another process is about to have one, or to end the one it had.
    if ((await answers(socket)) || performance.now() > deadline) return null;
    await sleep(POLL_MS);
  }
}
