import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BEGUN_BUNDLES_KEY, bundleKey } from '../queues/names.js';

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
  /** It is in the LTS, verified; its parts are to be committed. */
  sent: z.boolean(),
});

/** A bundle that was begun: on record before it is made, so that a crash leaves one that somebody finishes. */
export type BundlePlan = z.infer<typeof planSchema>;

export interface Pooled {
  readonly waiting: readonly PoolPart[];
  /** Begun bundles, the oldest first. */
  readonly plans: readonly BundlePlan[];
}

/**
 * Fields of the hash: `part X` waits, `in X` is in a begun bundle, `plan OBJECT` is one, `alone X` goes into none; `bytes`: of what waits; X: `BACKUP OBJECT`.
 * What waits already keeps its place. ARGV: triples of X, part, bytes. Returns bytes waiting in all, and how many of these are in begun bundles.
 */
const ADD = `
local begun = 0
for i = 1, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], 'in ' .. ARGV[i]) == 1 then begun = begun + 1
  elseif redis.call('HSETNX', KEYS[1], 'part ' .. ARGV[i], ARGV[i + 1]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', ARGV[i + 2]) end
end
return { tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0'), begun }`;

const FORGET_EMPTY = `
if redis.call('HLEN', KEYS[1]) == 1 and redis.call('HGET', KEYS[1], 'bytes') == '0' then redis.call('DEL', KEYS[1]) end`;

/** ARGV: pairs of X and bytes. */
const REMOVE = `
for i = 1, #ARGV, 2 do
  if redis.call('HDEL', KEYS[1], 'part ' .. ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', 0 - ARGV[i + 1]) end
end${FORGET_EMPTY}`;

/** ARGV: bundle, plan, then as REMOVE. */
const BEGIN = `
redis.call('HSET', KEYS[1], 'plan ' .. ARGV[1], ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
for i = 3, #ARGV, 2 do
  if redis.call('HDEL', KEYS[1], 'part ' .. ARGV[i]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', 0 - ARGV[i + 1]) end
  redis.call('HSET', KEYS[1], 'in ' .. ARGV[i], ARGV[1])
end`;

/** ARGV: bundle, then triples as ADD; those with a part wait again, unless somebody ended it before. */
const END = `
redis.call('SREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[1], 'plan ' .. ARGV[1]) == 0 then return end
for i = 2, #ARGV, 3 do
  redis.call('HDEL', KEYS[1], 'in ' .. ARGV[i])
  if ARGV[i + 1] ~= '' and redis.call('HSETNX', KEYS[1], 'part ' .. ARGV[i], ARGV[i + 1]) == 1 then redis.call('HINCRBY', KEYS[1], 'bytes', ARGV[i + 2]) end
end${FORGET_EMPTY}`;

/** ARGV: bundle, plan. Not when it has ended. */
const NOTE = `
if redis.call('HEXISTS', KEYS[1], 'plan ' .. ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'plan ' .. ARGV[1], ARGV[2])
return 1`;

/**
 * Slices of one host that wait to be bundled for one LTS, and the bundles that are being made of some of them. In Redis beside the transfer items, and of no more
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

  /** Adding twice is adding once. `begun`: how many of these are in bundles that are begun. */
  async add(parts: readonly PoolPart[]): Promise<{ readonly bytes: number; readonly begun: number }> {
    const [bytes, begun] = (await this.redis.eval(ADD, 1, this.#key, ...triples(parts))) as [number, number];
    return { bytes, begun };
  }

  async read(): Promise<Pooled> {
    const fields = Object.entries(await this.redis.hgetall(this.#key));
    const of = (mark: string): string[] => fields.flatMap(([field, json]) => (field.startsWith(mark) ? [json] : []));
    return {
      waiting: of('part ').map((json) => partSchema.parse(JSON.parse(json))),
      plans: of('plan ').map((json) => planSchema.parse(JSON.parse(json))).sort((a, b) => (a.object < b.object ? -1 : 1)),
    };
  }

  async plan(object: string): Promise<BundlePlan | null> {
    const json = await this.redis.hget(this.#key, `plan ${object}`);
    return json === null ? null : planSchema.parse(JSON.parse(json));
  }

  /** Puts a bundle on record before it is made; its parts wait no more. */
  async begin(plan: BundlePlan): Promise<void> {
    await this.redis.eval(BEGIN, 2, this.#key, BEGUN_BUNDLES_KEY, plan.object, JSON.stringify(plan), ...pairs(plan.parts));
  }

  /** What is known of it by now; false: it has ended. */
  async note(plan: BundlePlan): Promise<boolean> {
    return (await this.redis.eval(NOTE, 1, this.#key, plan.object, JSON.stringify(plan))) === 1;
  }

  /** The begun bundle is done: `back` wait again, the other parts do not. */
  async end({ object, parts }: BundlePlan, back: readonly PoolPart[] = []): Promise<void> {
    const waits = new Set(back);
    const args = parts.flatMap((part) => [fieldOf(part), waits.has(part) ? JSON.stringify(part) : '', String(part.bytes)]);
    await this.redis.eval(END, 2, this.#key, BEGUN_BUNDLES_KEY, object, ...args);
  }

  async remove(parts: readonly PoolPart[]): Promise<void> {
    if (parts.length > 0) await this.redis.eval(REMOVE, 1, this.#key, ...pairs(parts));
  }

  /** This one goes into no bundle: its file is not sound, which its own transfer finds out and tells. */
  async leaveOut(part: PoolPart): Promise<void> {
    await this.redis.hset(this.#key, `alone ${fieldOf(part)}`, '1');
  }

  /** Objects of a backup that were left out. */
  async leftOut(backupId: string, objects: readonly string[]): Promise<Set<string>> {
    if (objects.length === 0) return new Set();
    const values = await this.redis.hmget(this.#key, ...objects.map((object) => `alone ${fieldOf({ backupId, object })}`));
    return new Set(objects.filter((_, i) => values[i] !== null));
  }
}

/** Bundles that are begun, whoever began them: however old their names are, slices are committed to be in them at any time. */
export async function begunBundles(redis: Redis): Promise<Set<string>> {
  return new Set(await redis.smembers(BEGUN_BUNDLES_KEY));
}

function pairs(parts: readonly PoolPart[]): string[] {
  return parts.flatMap((part) => [fieldOf(part), String(part.bytes)]);
}

function triples(parts: readonly PoolPart[]): string[] {
  return parts.flatMap((part) => [fieldOf(part), JSON.stringify(part), String(part.bytes)]);
}

function fieldOf({ backupId, object }: Pick<PoolPart, 'backupId' | 'object'>): string {
  return `${backupId} ${object}`;
}
