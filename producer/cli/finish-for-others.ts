import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { QueueSet } from '../../shared/queues/queue-set.js';
import { COMMAND_CLIENT } from '../../shared/redis/connect.js';

const POLL_MS = 200;
/** More is not looked at: one job is reason enough to stay. */
const LOOK_AT = 500;

/**
 * Waits while other commands need the private Redis and worker of this process: they found it by its socket and wait at it, or left work
 * in its queue since it started (older jobs were left by somebody else, and are nobody's reason to stay).
 * @param redis one of our own connections
 * @param since ms since the epoch
 */
export async function finishForOthers(redis: Redis, logger: Logger, since: number, signal?: AbortSignal): Promise<void> {
  const queues = new QueueSet(redis);
  const own = await redis.client('ID');
  let said = false;
  while (signal?.aborted !== true && (othersWait(String(await redis.client('LIST')), own) || (await newWork(queues, since)))) {
    if (!said) logger.warn('other bw-bkup commands use the worker of this process: it stays until they are done');
    said = true;
    await sleep(POLL_MS);
  }
}

/** Whether CLIENT LIST names a command that is not us (pure). */
export function othersWait(clientList: string, ownId: number): boolean {
  return clientList.split('\n').some((line) => {
    const fields = new Map(line.trim().split(' ').map((field) => field.split('=', 2) as [string, string]));
    return fields.get('name') === COMMAND_CLIENT && fields.get('id') !== String(ownId);
  });
}

async function newWork(queues: QueueSet, since: number): Promise<boolean> {
  const jobs = await queues.backup.getJobs(['active', 'waiting', 'prioritized', 'delayed', 'waiting-children'], 0, LOOK_AT);
  return jobs.some((job) => (job.name === 'backup' || job.name === 'restore') && job.timestamp >= since);
}
