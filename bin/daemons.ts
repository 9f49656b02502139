import { workerConnection, commandConnection, redisLocation } from '../shared/redis/connect.js';
import { checkRedis } from '../shared/redis/check-server.js';
import { createMetrics } from '../shared/metrics/index.js';
import { QueueSet } from '../shared/queues/queue-set.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { startWorkerHttp } from '../worker/http.js';
import { openSite, type CommonOptions } from '../producer/cli/session.js';
import { startProducerHttp } from '../producer/http.js';
import { openProducer } from '../producer/producer.js';
import { BwError } from '../shared/errors/bw-error.js';
import type { Config } from '../shared/config/config.js';
import { startLocalWorker } from './start-local.js';
import { untilSignal } from './until-signal.js';

/** `bw-bkup worker`: jobs of this host until a signal. */
export async function workerCommand(options: CommonOptions): Promise<number> {
  const { config, logger } = await openSite(options);
  requireRedisUrl(config);
  const worker = await startLocalWorker(config, logger.child({ component: 'worker' }), 'worker');
  const http = await startWorkerHttp(worker.context, worker.context.queues.redis, worker.isRunning);
  await untilSignal(logger);
  await http?.close();
  await worker.close();
  return 0;
}

/** `bw-bkup producer`: scans, decides, enqueues and shows, until a signal. */
export async function producerCommand(options: CommonOptions): Promise<number> {
  const { config, logger, catalog } = await openSite(options);
  requireRedisUrl(config);
  const redis = commandConnection(config);
  redis.on('error', (error) => { logger.warn({ err: error }, 'redis connection trouble'); });
  await redis.connect().catch(() => undefined); // checkRedis says it with what to do
  await checkRedis(redis, redisLocation(config));
  const metrics = createMetrics({ host: config.host, component: 'producer', version: BW_BKUP_VERSION });
  const boardRedis = workerConnection(config);
  const queues = new QueueSet(boardRedis);
  const http = await startProducerHttp({ config, logger, metrics, catalog, queues, redis: boardRedis });
  const producer = await openProducer({ config, logger, redis, catalog });
  producer.start();
  await untilSignal(logger);
  await http?.close();
  await producer.close();
  await queues.close();
  for (const each of [redis, boardRedis]) each.disconnect();
  return 0;
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
