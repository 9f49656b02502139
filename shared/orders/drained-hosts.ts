import type { Redis } from 'ioredis';
import { z } from 'zod';
import { DRAINED_KEY } from '../queues/names.js';
import { sendOrders } from './order.js';

const drainedSchema = z.object({
  since: z.string(),
  user: z.string().nullable(),
  reason: z.string(),
  /** What runs there is let finish; else it is stopped, and goes on elsewhere. */
  whenIdle: z.boolean(),
  /** What runs there ends at once, and keeps nothing of its start. */
  force: z.boolean().default(false),
});

export type Drained = z.infer<typeof drainedSchema>;

/** Hosts that take no new work, by name, until they are resumed: it outlives their workers. */
export class DrainedHosts {
  constructor(private readonly redis: Redis) {}

  async drain(host: string, drained: z.input<typeof drainedSchema>): Promise<void> {
    await this.redis.hset(DRAINED_KEY, host, JSON.stringify(drainedSchema.parse(drained)));
    await sendOrders(this.redis, [{ kind: 'hosts' }]);
  }

  /** False when it was not drained. */
  async resume(host: string): Promise<boolean> {
    const was = (await this.redis.hdel(DRAINED_KEY, host)) === 1;
    await sendOrders(this.redis, [{ kind: 'hosts' }]);
    return was;
  }

  async get(host: string): Promise<Drained | null> {
    const json = await this.redis.hget(DRAINED_KEY, host);
    return json === null ? null : drainedSchema.parse(JSON.parse(json));
  }

  async all(): Promise<Map<string, Drained>> {
    const entries = Object.entries(await this.redis.hgetall(DRAINED_KEY));
    return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([host, json]) => [host, drainedSchema.parse(JSON.parse(json))]));
  }
}
