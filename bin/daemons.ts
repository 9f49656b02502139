import { COMMAND_TIMEOUT_MS, commandConnection, connectInTime, redisLocation, workerConnection } from '../shared/redis/connect.js';
import { checkRedis, unreachable } from '../shared/redis/check-server.js';
import { createMetrics } from '../shared/metrics/index.js';
import { QueueSet } from '../shared/queues/queue-set.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { startWorkerHttp } from '../worker/http.js';
import { openSite, type CommonOptions } from '../producer/cli/site.js';
import { catchStop, type StopSignal } from '../producer/cli/stop-signal.js';
import { startProducerHttp } from '../producer/http.js';
import { openProducer } from '../producer/producer.js';
import { BwError } from '../shared/errors/bw-error.js';
import type { Config } from '../shared/config/config.js';
import type { Logger } from 'pino';
import { startLocalWorker, type LocalWorker } from './start-local.js';
import { closeOrGiveUp } from './close-or-give-up.js';

/** `bw-bkup worker`: jobs of this host until a signal. */
export async function workerCommand(options: CommonOptions): Promise<number> {
  const { config, logger } = await openSite(options, { directories: 'stores', component: 'worker' });
  requireRedisUrl(config);
  const working: { worker?: LocalWorker } = {};
  const stop = catchStop(
    (signal) => { logger.info({ signal }, 'stopping: running shards keep what they saved'); },
    () => {
      logger.warn('told again: ending at once, what is not kept yet is lost');
      working.worker?.hurry();
    },
  );
  const worker = await startLocalWorker(config, logger, 'worker');
  working.worker = worker;
  const { redis } = worker.context.queues;
  const http = await startWorkerHttp(worker.context, redis, () => worker.isRunning());
  await stop.stopped;
  await http?.close();
  return closeOrGiveUp(() => worker.close(), () => redis.ping(), logger);
}

/** `bw-bkup producer`: scans, decides, enqueues and shows, until a signal. */
export async function producerCommand(options: CommonOptions): Promise<number> {
  const { config, logger, catalog } = await openSite(options, { directories: 'skip', component: 'producer' });
  requireRedisUrl(config);
  const stop = stopOf(logger);
  const redis = commandConnection(config);
  redis.on('error', (error) => { logger.debug({ err: error }, 'redis connection trouble'); }); // told by what could not be done
  await connectInTime(redis, COMMAND_TIMEOUT_MS).catch((thrown: unknown) => {
    redis.disconnect();
    throw unreachable(redisLocation(config), thrown);
  });
  const boardRedis = workerConnection(config);
  boardRedis.on('error', (error) => { logger.warn({ err: error }, 'redis connection trouble'); });
  const queues = new QueueSet(boardRedis);
  try {
    await checkRedis(redis, redisLocation(config));
    const metrics = createMetrics({ host: config.host, component: 'producer', version: BW_BKUP_VERSION });
    const http = await startProducerHttp({ config, logger, metrics, catalog, queues, redis: boardRedis });
    const producer = await openProducer({ config, logger, redis, catalog });
    producer.start();
    await stop.stopped;
    await http?.close();
    return await closeOrGiveUp(() => producer.close(), () => redis.ping(), logger);
  } finally {
    for (const each of [redis, boardRedis]) each.disconnect();
  }
}

function stopOf(logger: Logger): StopSignal {
  return catchStop((signal) => { logger.info({ signal }, 'stopping'); });
}

/** Two processes need a server both reach; the embedded one belongs to one process. */
function requireRedisUrl(config: Config): void {
  if (config.redis.url !== null) return;
  throw new BwError('REDIS_NOT_CONFIGURED', {
    message: 'separate producer and worker processes need redis.url',
    retry: 'operator',
    hint: 'Set redis.url, or run `bw-bkup standalone`, which has both and a Redis of its own.',
  });
}
