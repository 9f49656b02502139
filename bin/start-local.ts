import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { EXIT } from '../shared/errors/exit-codes.js';
import type { Config } from '../shared/config/config.js';
import { toBwError } from '../shared/errors/bw-error.js';
import { BW_BKUP_VERSION } from '../shared/version.js';
import { createMetrics, type Metrics } from '../shared/metrics/index.js';
import { cleanupQueue, QUEUES, transferQueue } from '../shared/queues/names.js';
import { TIMING, type QueueTiming } from '../shared/queues/options.js';
import { releaseLocks } from '../shared/queues/release-locks.js';
import { unreachable } from '../shared/redis/check-server.js';
import { connectInTime, redisLocation, workerConnection } from '../shared/redis/connect.js';
import { startEmbeddedRedis, type EmbeddedRedis } from '../shared/redis/embedded.js';
import type { LocalService } from '../producer/cli/session.js';
import { startContext, sweepStaging } from '../worker/start-context.js';
import type { WorkerContext } from '../worker/context.js';
import { startWorker } from '../worker/worker.js';

export interface LocalWorker {
  readonly context: WorkerContext;
  readonly metrics: Metrics;
  isRunning(): boolean;
  /** Resolves when what follows from failed jobs so far (journal, sweeps) is on record. */
  settled(): Promise<void>;
  close(): Promise<void>;
  /** Running jobs end at once: what they have not kept yet is lost. */
  hurry(): void;
}

/** Start-up checks, then a worker in this process. Throws REDIS_UNREACHABLE and what startContext throws. */
export async function startLocalWorker(
  config: Config,
  logger: Logger,
  component: 'worker' | 'standalone',
  timing: QueueTiming = TIMING,
): Promise<LocalWorker> {
  const metrics = createMetrics({ host: config.host, component, version: BW_BKUP_VERSION });
  const redis = await connected(config, logger);
  try {
    const context = await startContext(config, logger, metrics, redis);
    await sweepStaging(context);
    const worker = startWorker(context, () => workerConnection(config), timing);
    const stopSweeping = sweepStagingAgain(context);
    const close = async (): Promise<void> => {
      stopSweeping();
      await worker.close();
      await context.staging.account.close();
      await context.queues.close();
      await context.journal.close();
      redis.disconnect();
    };
    return { context, metrics, isRunning: () => worker.isRunning(), settled: () => worker.settled(), close, hurry: () => { worker.hurry(); } };
  } catch (thrown) {
    redis.disconnect();
    throw thrown;
  }
}

/** What lost its run (Redis was wiped) has nobody who orders it swept. */
const SWEEP_STAGING_EVERY_MS = 600_000;

function sweepStagingAgain(context: WorkerContext): () => void {
  const timer = setInterval(() => {
    sweepStaging(context).catch((thrown: unknown) => {
      context.logger.warn({ err: toBwError(thrown) }, 'staging not swept');
    });
  }, SWEEP_STAGING_EVERY_MS);
  return () => { clearInterval(timer); };
}

/** Redis must be there at the start; later a worker waits for it as long as it takes. */
async function connected(config: Config, logger: Logger): Promise<Redis> {
  const redis = workerConnection(config);
  let started = false;
  redis.on('error', (error) => { if (started) logger.warn({ err: error }, 'redis connection trouble'); });
  await connectInTime(redis).catch((thrown: unknown) => {
    redis.disconnect();
    throw unreachable(redisLocation(config), thrown);
  });
  started = true;
  return redis;
}

/** A private Redis and a worker in this process: what standalone is made of, and commands on a host where none runs. */
export async function startLocal(config: Config, logger: Logger): Promise<LocalWorker & LocalService> {
  const redis = await startPrivateRedis(config, logger);
  try {
    await dropLocks(config, logger);
    const worker = await startLocalWorker(config, logger, 'standalone');
    let stopped: Promise<void> | undefined;
    const stopWork = (): Promise<void> => (stopped ??= worker.close());
    const close = async (): Promise<void> => {
      await stopWork();
      await redis.stop();
    };
    return { ...worker, door: redis.door, stopWork, close };
  } catch (thrown) {
    await redis.stop();
    throw thrown;
  }
}

/** For commands: as much of it as they need. */
export async function startService(config: Config, logger: Logger, parts: 'redis' | 'worker'): Promise<LocalService> {
  if (parts === 'worker') return startLocal(config, logger);
  const redis = await startPrivateRedis(config, logger);
  return { door: redis.door, stopWork: () => Promise.resolve(), close: () => redis.stop() };
}

/** A private Redis in this process, without a worker. */
async function startPrivateRedis(config: Config, logger: Logger): Promise<Pick<EmbeddedRedis, 'door' | 'stop'>> {
  const redis = await startEmbeddedRedis(config);
  let stopping = false;
  void redis.ended.then(() => {
    if (stopping) return;
    // Everything waits for it for ever; whoever started us starts us again, and work goes on where it was.
    logger.fatal('the private redis-server ended: ending too');
    process.exit(EXIT.serviceMissing);
  });
  const stop = (): Promise<void> => {
    stopping = true;
    return redis.stop();
  };
  return { door: redis.door, stop };
}

async function dropLocks(config: Config, logger: Logger): Promise<void> {
  const redis = await connected(config, logger);
  const { host } = config;
  const released = await releaseLocks(redis, [QUEUES.backup, QUEUES.cleanup, QUEUES.copies, transferQueue(host), cleanupQueue(host)]);
  if (released > 0) logger.warn({ jobs: released }, 'jobs of a process that was killed are given back');
  redis.disconnect();
}
