import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { QueueSet } from '../../shared/queues/queue-set.js';
import { COMMAND_CLIENT } from '../../shared/redis/connect.js';
import type { Door } from '../../shared/redis/embedded.js';

const POLL_MS = 200;
/** More is not looked at: one job is reason enough to stay. */
const LOOK_AT = 500;

/** Who found the server before its door was shut says its name within this, ms. */
const NAME_MS = 50;

export interface OwnRedis {
  /** One of our own connections. */
  readonly redis: Redis;
  readonly logger: Logger;
  /** ms since the epoch. */
  readonly since: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits while other commands need the private Redis and worker of this process: they found it by its socket and wait at it, or left work
 * in its queue since it started (older jobs were left by somebody else, and are nobody's reason to stay).
 */
export async function waitForOthers(own: OwnRedis): Promise<void> {
  for (let said = false; await isNeeded(own); said = true) {
    if (!said) own.logger.warn('other bw-bkup commands use the worker of this process: it stays until they are done');
    await sleep(POLL_MS);
  }
}

/** To be called when this process is about to end: waits for others, until nobody finds the server any more. A command that comes then starts its own when this process has ended. */
export async function finishForOthers(own: OwnRedis, door: Door): Promise<void> {
  for (;;) {
    await waitForOthers(own);
    await door.shut();
    await sleep(NAME_MS);
    if (!(await isNeeded(own))) return;
    await door.open();
  }
}

async function isNeeded({ redis, since, signal }: OwnRedis): Promise<boolean> {
  if (signal?.aborted === true) return false;
  return othersWait(String(await redis.client('LIST')), await redis.client('ID')) || newWork(new QueueSet(redis), since);
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
