import type { Redis } from 'ioredis';
import { LIMITS_KEY } from '../queues/names.js';
import { isInForce, setLimitSchema, type SetLimit } from './resolve.js';

/** All that is set and in force. What a newer version wrote and this one does not know is left out. */
export async function readLimits(redis: Redis, nowMs: number): Promise<SetLimit[]> {
  const fields = await redis.hgetall(LIMITS_KEY);
  return Object.values(fields).flatMap((json) => {
    const parsed = setLimitSchema.safeParse(JSON.parse(json));
    return parsed.success && isInForce(parsed.data, nowMs) ? [parsed.data] : [];
  });
}

/** Replaces what was set for the same place. */
export async function writeLimit(redis: Redis, limit: SetLimit): Promise<void> {
  await redis.hset(LIMITS_KEY, fieldOf(limit), JSON.stringify(limit));
}

/** False when nothing was set there. */
export async function removeLimit(redis: Redis, limit: Pick<SetLimit, 'key' | 'host' | 'topdir' | 'lts'>): Promise<boolean> {
  return (await redis.hdel(LIMITS_KEY, fieldOf(limit))) === 1;
}

function fieldOf({ key, host, topdir, lts }: Pick<SetLimit, 'key' | 'host' | 'topdir' | 'lts'>): string {
  return JSON.stringify([key, host, topdir, lts]);
}
