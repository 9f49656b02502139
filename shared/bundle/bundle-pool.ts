import type { Redis } from 'ioredis';
import { z } from 'zod';
import { bundleKey } from '../queues/names.js';

const partSchema = z.object({
  backupId: z.string(),
  /** Name of the transfer item; what unpacking gives. */
  object: z.string(),
  bytes: z.number().int().nonnegative(),
  sha512: z.string(),
  /** Since when it waits, ms since the epoch. */
  sinceMs: z.number(),
  /** Transfer job that waits for it. */
  jobId: z.string(),
});

/** A slice that waits to be bundled. */
export type PoolPart = z.infer<typeof partSchema>;

const planSchema = z.object({
  /** Name of the bundle. */
  object: z.string(),
  parts: z.array(partSchema).min(1),
  /** Of the tar, when it has been made. */
  made: z.object({ bytes: z.number(), sha512: z.string() }).nullable(),
});

/** A bundle that was begun: on record before it is made, so that a crash leaves one that somebody finishes. */
export type BundlePlan = z.infer<typeof planSchema>;

export interface Pooled {
  readonly waiting: readonly PoolPart[];
  readonly plan: BundlePlan | null;
}

const PLAN = 'plan';
const PART = 'part ';
const ALONE = 'alone ';

/** What waits already keeps its place. Returns bytes waiting in all, and whether a bundle is begun. */
const ADD = `
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', ARGV[i + 2]) end
end
return { tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0'), redis.call('HEXISTS', KEYS[1], 'plan') }`;

/** Fields with the bytes that wait no more; nothing is left of a pool in which nothing waits. */
const REMOVE = `
for i = 1, #ARGV, 2 do
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', 0 - ARGV[i + 1]) end
end
if redis.call('HLEN', KEYS[1]) == 1 and redis.call('HGET', KEYS[1], 'bytes') == '0' then redis.call('DEL', KEYS[1]) end`;

/**
 * Slices of one host that wait to be bundled for one LTS, and the bundle that is being made of some of them. In Redis beside the transfer items, and of no more
 * value than these: what is in here counts only as far as an item says so.
 */
export class BundlePool {
  readonly #key: string;

  constructor(
    readonly redis: Redis,
    host: string,
    lts: string,
  ) {
    this.#key = bundleKey(host, lts);
  }

  /** Adding twice is adding once. */
  async add(parts: readonly PoolPart[]): Promise<{ readonly bytes: number; readonly isBegun: boolean }> {
    const args = parts.flatMap((part) => [PART + fieldOf(part), JSON.stringify(part), String(part.bytes)]);
    const [bytes, begun] = (await this.redis.eval(ADD, 1, this.#key, ...args)) as [number, number];
    return { bytes, isBegun: begun === 1 };
  }

  async read(): Promise<Pooled> {
    const fields = await this.redis.hgetall(this.#key);
    const plan = fields[PLAN];
    return {
      waiting: Object.entries(fields).flatMap(([field, json]) => (field.startsWith(PART) ? [partSchema.parse(JSON.parse(json))] : [])),
      plan: plan === undefined ? null : planSchema.parse(JSON.parse(plan)),
    };
  }

  /** Puts a bundle on record before it is made; false when another one is begun. */
  async begin(plan: BundlePlan): Promise<boolean> {
    return (await this.redis.hsetnx(this.#key, PLAN, JSON.stringify(plan))) === 1;
  }

  async noteMade(plan: BundlePlan): Promise<void> {
    await this.redis.hset(this.#key, PLAN, JSON.stringify(plan));
  }

  /** The begun bundle is done, or given up: its parts wait on unless they are removed. */
  async end(): Promise<void> {
    await this.redis.eval(REMOVE, 1, this.#key, PLAN, '0');
  }

  async remove(parts: readonly PoolPart[]): Promise<void> {
    if (parts.length > 0) await this.redis.eval(REMOVE, 1, this.#key, ...parts.flatMap((part) => [PART + fieldOf(part), String(part.bytes)]));
  }

  /** This one goes into no bundle: its file is not sound, which its own transfer finds out and tells. */
  async leaveOut(part: PoolPart): Promise<void> {
    await this.redis.hset(this.#key, ALONE + fieldOf(part), '1');
    await this.remove([part]);
  }

  /** Objects of a backup that were left out. */
  async leftOut(backupId: string, objects: readonly string[]): Promise<Set<string>> {
    if (objects.length === 0) return new Set();
    const values = await this.redis.hmget(this.#key, ...objects.map((object) => ALONE + fieldOf({ backupId, object })));
    return new Set(objects.filter((_, i) => values[i] !== null));
  }
}

function fieldOf({ backupId, object }: Pick<PoolPart, 'backupId' | 'object'>): string {
  return `${backupId} ${object}`;
}
