import type { Logger } from 'pino';
import type { Config } from '../shared/config/config.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { createMetrics, type Metrics } from '../shared/metrics/index.js';
import { TIMING, type QueueTiming } from '../shared/queues/options.js';
import { workerConnection } from '../shared/redis/connect.js';
import { startEmbeddedRedis } from '../shared/redis/embedded.js';
import { startContext, sweepStaging } from '../worker/start-context.js';
import type { WorkerContext } from '../worker/context.js';
import { startWorker } from '../worker/worker.js';

export interface LocalWorker {
  readonly context: WorkerContext;
  readonly metrics: Metrics;
  isRunning(): boolean;
  close(): Promise<void>;
}

/** Start-up checks, then a worker in this process. */
export async function startLocalWorker(
  config: Config,
  logger: Logger,
  component: 'worker' | 'standalone',
  timing: QueueTiming = TIMING,
): Promise<LocalWorker> {
  const metrics = createMetrics({ host: config.host, component, version: BW_BKUP_VERSION });
  const redis = workerConnection(config);
  redis.on('error', (error) => { logger.warn({ err: error }, 'redis connection trouble'); });
  try {
    await redis.connect();
    const context = await startContext(config, logger, metrics, redis);
    await sweepStaging(context);
    const worker = startWorker(context, () => workerConnection(config), timing);
    const close = async (): Promise<void> => {
      await worker.close();
      await context.queues.close();
      await context.journal.close();
      redis.disconnect();
    };
    return { context, metrics, isRunning: () => worker.isRunning(), close };
  } catch (thrown) {
    redis.disconnect();
    throw thrown;
  }
}

/** A private Redis and a worker in this process: what standalone is made of, and commands on a host where none runs. */
export async function startLocal(config: Config, logger: Logger): Promise<LocalWorker> {
  const redis = await startEmbeddedRedis(config);
  try {
    const worker = await startLocalWorker(config, logger, 'standalone');
    return {
      ...worker,
      close: async () => {
        await worker.close();
        await redis.stop();
      },
    };
  } catch (thrown) {
    await redis.stop();
    throw thrown;
  }
}
