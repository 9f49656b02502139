import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX } from './names.js';

/** A running job back to the head of its class, without spending an attempt; the marker wakes a worker that waits for jobs, which BullMQ's own move does not. */
export async function moveToHead(redis: Redis, queue: string, job: Job, token: string | undefined): Promise<void> {
  await job.moveToWait(token);
  await redis.zadd(`${PREFIX}:${queue}:marker`, 0, '0');
}
