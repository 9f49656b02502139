import type { Logger } from 'pino';
import type { Catalog } from '../../shared/catalog/index.js';
import { openSiteCatalog } from '../../shared/catalog/open-site-catalog.js';
import { loadConfig } from '../../shared/config/load-config.js';
import type { Config } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { createLogger } from '../../shared/logging/index.js';
import { QueueSet } from '../../shared/queues/queue-set.js';
import { checkRedis, unreachable } from '../../shared/redis/check-server.js';
import { commandConnection, embeddedSocket, redisLocation } from '../../shared/redis/connect.js';
import { answers } from '../../shared/redis/embedded.js';
import { ItemStore } from '../../shared/runs/item-store.js';
import { RunStore } from '../../shared/runs/run-store.js';

/** Options every command has. */
export interface CommonOptions {
  readonly config?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** What a command that only reads sealed state needs: right also while Redis and the producer are down. */
export interface Site {
  readonly config: Config;
  readonly logger: Logger;
  readonly catalog: Catalog;
}

export interface Session extends Site {
  readonly queues: QueueSet;
  readonly runs: RunStore;
  readonly items: ItemStore;
  /** The work is done by this very process: it must stay until it is done. */
  readonly local: boolean;
  close(): Promise<void>;
}

/** Starts Redis and a worker in this process, for hosts where no standalone runs; given by the composition root. */
export type StartLocal = (config: Config, logger: Logger) => Promise<{ close(): Promise<void> }>;

export async function openSite(options: CommonOptions): Promise<Site> {
  const { config } = await loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    env: process.env,
    flags: parseSettings(options.set ?? []),
  });
  const logger = createLogger({ level: config.logging.level, format: config.logging.format, host: config.host, component: 'cli' });
  return { config, logger, catalog: await openSiteCatalog(config) };
}

/**
 * Opens what a command needs to give orders. Without a configured Redis and with no standalone running, work is done
 * in this process. Throws REDIS_UNREACHABLE.
 */
export async function openSession(options: CommonOptions, startLocal: StartLocal): Promise<Session> {
  const site = await openSite(options);
  const local = await startLocalIfNeeded(site, startLocal);
  const redis = commandConnection(site.config);
  redis.on('error', () => undefined); // every command reports its own failure
  const where = redisLocation(site.config);
  await redis.connect().catch((thrown: unknown) => {
    throw unreachable(where, thrown);
  });
  await checkRedis(redis, where);
  const queues = new QueueSet(redis);
  const close = async (): Promise<void> => {
    await queues.close();
    redis.disconnect();
    await local?.close();
  };
  return { ...site, queues, runs: new RunStore(redis), items: new ItemStore(redis), local: local !== null, close };
}

async function startLocalIfNeeded(site: Site, startLocal: StartLocal): Promise<{ close(): Promise<void> } | null> {
  if (site.config.redis.url !== null || (await answers(embeddedSocket(site.config)))) return null;
  site.logger.info('no standalone is running here: working in this process');
  return startLocal(site.config, site.logger);
}

/** `--set a.b=c` into flags by dotted key. Throws USAGE. */
export function parseSettings(settings: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at <= 0) throw usage(`--set wants KEY=VALUE, got ${JSON.stringify(setting)}`);
    flags[setting.slice(0, at)] = setting.slice(at + 1);
  }
  return flags;
}

/** A command line that cannot be carried out. */
export function usage(message: string, hint = 'See `bw-bkup help`.'): BwError {
  return new BwError('USAGE', { message, retry: 'operator', hint });
}
