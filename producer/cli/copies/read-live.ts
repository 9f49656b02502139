import { access } from 'node:fs/promises';
import type { Config } from '../../../shared/config/config.js';
import type { CopyOrderState } from '../../../shared/copies/copy-jobs.js';
import { embeddedSocket } from '../../../shared/redis/location.js';

export interface CopyLive {
  readonly orders: readonly CopyOrderState[];
  /** By LTS that is out: why. */
  readonly outages: ReadonlyMap<string, string>;
}

/** What the queue and the breakers say of copies; null when Redis does not answer: that is no reason not to show the rest. */
export async function readCopyLive(config: Config): Promise<CopyLive | null> {
  if (config.redis.url === null && !(await exists(embeddedSocket(config)))) return null;
  try {
    return await ask(config);
  } catch {
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

/** The queue library takes 0.2 s of CPU to load: only when there is a Redis to ask. */
async function ask(config: Config): Promise<CopyLive> {
  const { commandConnection } = await import('../../../shared/redis/connect.js');
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // told by what was asked
  try {
    await redis.connect();
    const [{ QueueSet }, { RedisBreakers }, { copyOrders }] = await Promise.all([import('../../../shared/queues/queue-set.js'), import('../../../shared/breaker/breaker-store.js'), import('../../../shared/copies/copy-jobs.js')]);
    const open = (await new RedisBreakers(redis).all()).filter(({ kind, state }) => kind === 'lts' && state !== 'closed');
    return { orders: await copyOrders(new QueueSet(redis)), outages: new Map(open.map(({ name, cause }) => [name, cause === null ? 'it is out' : `${cause.code}: ${cause.message}`])) };
  } finally {
    redis.disconnect();
  }
}
