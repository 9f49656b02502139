import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ORDERS_KEY } from '../queues/names.js';

/** What workers are told at once, beside the queues. `stop`: whoever runs the job ends it · `hosts`: which hosts are drained has changed. */
export const orderSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('stop'), queue: z.string(), jobId: z.string(), reason: z.enum(['preempted', 'cancelled']) }),
  z.strictObject({ kind: z.literal('hosts') }),
]);

export type Order = z.infer<typeof orderSchema>;

/** Orders count now or never: a few are kept for workers that are just reading. */
const KEPT_ORDERS = 1000;

/** A stream and not pub/sub: it needs no right but the one to our keys, and what comes between two readings is not lost. */
export async function sendOrders(redis: Redis, orders: readonly Order[]): Promise<void> {
  for (const order of orders) await redis.xadd(ORDERS_KEY, 'MAXLEN', '~', KEPT_ORDERS, '*', 'order', JSON.stringify(orderSchema.parse(order)));
}

/** Where a reader begins that wants only what comes from now on. */
export async function lastOrderId(redis: Redis): Promise<string> {
  const [last] = await redis.xrevrange(ORDERS_KEY, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}

/** Orders after `id`, waiting up to `waitMs` for the first; `id`: of the last one read. One that is not understood (of a newer version) is passed over. */
export async function readOrders(redis: Redis, id: string, waitMs: number): Promise<{ readonly id: string; readonly orders: readonly Order[] }> {
  const read = (await redis.xread('BLOCK', waitMs, 'STREAMS', ORDERS_KEY, id)) ?? [];
  const entries = read.flatMap(([, each]) => each);
  const orders = entries.flatMap(([, [, json = '']]) => {
    const parsed = orderSchema.safeParse(jsonOrNull(json));
    return parsed.success ? [parsed.data] : [];
  });
  return { id: entries.at(-1)?.[0] ?? id, orders };
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
