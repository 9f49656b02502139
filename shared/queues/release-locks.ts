import type { Redis } from 'ioredis';
import { PREFIX } from './names.js';

/**
 * For a private Redis that has just been started: nobody else can hold a lock, so what stands as active was left by a process
 * that was killed. Its locks (5 min) are dropped and its jobs marked as BullMQ's first stalled check marks them: the check every Worker
 * makes at its start then gives them back at once. Returns how many.
 */
export async function releaseLocks(redis: Redis, queues: readonly string[]): Promise<number> {
  let released = 0;
  for (const queue of queues) {
    const key = (name: string): string => `${PREFIX}:${queue}:${name}`;
    const active = await redis.lrange(key('active'), 0, -1);
    await redis.del(key('stalled-check'));
    if (active.length === 0) continue;
    await redis.del(...active.map((jobId) => key(`${jobId}:lock`)));
    await redis.sadd(key('stalled'), ...active);
    released += active.length;
  }
  return released;
}
