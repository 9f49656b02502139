import type { Redis } from 'ioredis';
import { startHttpServer, type Check, type HttpServer } from '../shared/http/index.js';
import type { WorkerContext } from './context.js';

/** What a worker's readiness rests on. */
export function workerChecks(context: WorkerContext, redis: Redis, isRunning: () => boolean): Record<string, Check> {
  return {
    redis: async () => ({ answer: await redis.ping() }),
    queues: () => {
      if (!isRunning()) throw new Error('a queue worker does not run');
      return { slots: context.config.worker.slots };
    },
    dar: () => ({ version: context.dar.version }),
    staging: async () => ({ ...(await context.staging.account.state()) }),
  };
}

/** Health, readiness and this host's metrics; null when the configuration has no port for workers. */
export async function startWorkerHttp(context: WorkerContext, redis: Redis, isRunning: () => boolean): Promise<HttpServer | null> {
  const { http } = context.config;
  collectStaging(context);
  if (http.workerPort === null) return null;
  const ready = workerChecks(context, redis, isRunning);
  return startHttpServer({ bind: http.bind, port: http.workerPort, health: {}, ready, metrics: context.metrics, logger: context.logger });
}

export function collectStaging(context: WorkerContext): void {
  context.metrics.collectStaging(() => context.staging.account.state());
}
