import type { Redis } from 'ioredis';
import { z } from 'zod';
import { FULL_DAYS_KEY } from '../../shared/queues/names.js';
import type { FullDay } from '../policy/full-share.js';

const load = z.object({ bytes: z.number(), count: z.number() });
const fullDaySchema = z.object({ dayMs: z.number(), admitted: load, carried: z.number(), rounded: z.number() });

/** What has been admitted of the day's fulls of a topdir. Lost with Redis: then a day may do twice its share, once. */
export async function readFullDay(redis: Redis, topdir: string): Promise<FullDay | null> {
  const json = await redis.hget(FULL_DAYS_KEY, topdir);
  return json === null ? null : fullDaySchema.parse(JSON.parse(json));
}

export async function writeFullDay(redis: Redis, topdir: string, day: FullDay): Promise<void> {
  await redis.hset(FULL_DAYS_KEY, topdir, JSON.stringify(day));
}
