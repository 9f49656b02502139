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

/** Gives one job back as the stalled check gives back those of a worker that was killed: it counts as stalled, and fails when it was too often. */
export async function markStalled(redis: Redis, queue: string, jobId: string): Promise<void> {
  const key = (name: string): string => `${PREFIX}:${queue}:${name}`;
  await redis.pipeline().del(key('stalled-check'), key(`${jobId}:lock`)).sadd(key('stalled'), jobId).exec();
}

/** The token of who does a job; null: its lock has ended. */
export async function lockHolder(redis: Redis, queue: string, jobId: string): Promise<string | null> {
  return redis.get(`${PREFIX}:${queue}:${jobId}:lock`);
}

/** One more worker died while it did this job. Returns how many did before. */
export async function countStall(redis: Redis, queue: string, jobId: string): Promise<number> {
  return (await redis.hincrby(`${PREFIX}:${queue}:${jobId}`, 'stc', 1)) - 1;
}

/** It gets on, so it is not what kills workers: only those that die without getting any further count. */
export async function clearStalls(redis: Redis, queue: string, jobId: string): Promise<void> {
  await redis.hdel(`${PREFIX}:${queue}:${jobId}`, 'stc');
}

const FORGIVE = `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'stc', -1) end`;

/** A start ended because its lock had, in a worker that lives: Redis was away, or the process stood still. The stalled check counts that, before or after this, as if a worker had died. */
export async function forgiveStall(redis: Redis, queue: string, jobId: string): Promise<void> {
  await redis.eval(FORGIVE, 1, `${PREFIX}:${queue}:${jobId}`);
}
