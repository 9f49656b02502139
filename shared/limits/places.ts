import type { Redis } from 'ioredis';
import { parkedKey, placesKey, PREFIX, QUEUES } from '../queues/names.js';
import { REDIS_NOW } from '../redis/redis-now.js';

/** Why a job may not start now. incident: its topdir hangs on too many hosts · hung: its basepath hangs wherever it is read. */
export const PARK_REASONS = ['window', 'concurrency', 'incident', 'hung'] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** A place whose holder does not renew it is free again after this, ms: as long as a job's lock. By the clock of Redis: a host whose clock jumps frees nobody's place. */
export const LEASE_MS = 300_000;

/** Takes a place if one is free or already ours. KEYS: places. ARGV: lease, limit, job. */
const ENTER = `${REDIS_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[3]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[3])
return 1`;

/** KEYS: places. ARGV: lease, jobs. */
const RENEW = `${REDIS_NOW}
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end`;

/** KEYS: places. */
const COUNT = `${REDIS_NOW}
return redis.call('ZCOUNT', KEYS[1], now, '+inf')`;

/**
 * Gives a place back, or parks a job; answers with the parked ones for which there is room, which are parked no more. In one step, so that no
 * place becomes free unseen between a refusal and the parking. KEYS: places, parked. ARGV: limit (-1 = none), leaving job, parking job, its priority.
 */
const CHANGE = `${REDIS_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[2] ~= '' then redis.call('ZREM', KEYS[1], ARGV[2]) end
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3]) end
local limit = tonumber(ARGV[1])
local free = limit < 0 and 1000 or limit - redis.call('ZCARD', KEYS[1])
if free <= 0 then return {} end
local found, woken = redis.call('ZPOPMIN', KEYS[2], free), {}
for i = 1, #found, 2 do woken[#woken + 1] = found[i] end
return woken`;

/** KEYS: parked, delayed jobs of the queue. */
const FORGET = `
for _, job in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not redis.call('ZSCORE', KEYS[2], job) then redis.call('ZREM', KEYS[1], job) end
end`;

/** Which jobs read a topdir now, over all hosts, and which wait for that. A holder that died is forgotten with its lease. */
export class Places {
  constructor(readonly redis: Redis) {}

  async enter(topdir: string, limit: number, jobId: string): Promise<boolean> {
    return (await this.redis.eval(ENTER, 1, placesKey(topdir), LEASE_MS, limit, jobId)) === 1;
  }

  async isFull(topdir: string, limit: number): Promise<boolean> {
    return Number(await this.redis.eval(COUNT, 1, placesKey(topdir))) >= limit;
  }

  /** Of jobs that run, also of those that began when there was no limit. */
  async renew(topdir: string, jobIds: readonly string[]): Promise<void> {
    if (jobIds.length > 0) await this.redis.eval(RENEW, 1, placesKey(topdir), LEASE_MS, ...jobIds);
  }

  /** Returns the parked jobs that are to be woken. */
  leave(topdir: string, limit: number | null, jobId: string): Promise<string[]> {
    return this.#change(topdir, limit, [jobId, '', 0]);
  }

  /** Returns the parked jobs that are to be woken: a place may have become free meanwhile. */
  park(topdir: string, limit: number | null, jobId: string, priority: number): Promise<string[]> {
    return this.#change(topdir, limit, ['', jobId, priority]);
  }

  /** After the limit has changed: the parked jobs there is room for now. */
  free(topdir: string, limit: number | null): Promise<string[]> {
    return this.#change(topdir, limit, ['', '', 0]);
  }

  /** Takes jobs off the parked that are not delayed any more: they were cancelled or removed meanwhile, and would be counted for ever. */
  async forgetGone(topdir: string): Promise<void> {
    for (const reason of PARK_REASONS) await this.redis.eval(FORGET, 2, parkedKey(reason, topdir), `${PREFIX}:${QUEUES.backup}:delayed`);
  }

  async #change(topdir: string, limit: number | null, change: readonly (string | number)[]): Promise<string[]> {
    return (await this.redis.eval(CHANGE, 2, placesKey(topdir), parkedKey('concurrency', topdir), limit ?? -1, ...change)) as string[];
  }
}

export interface ParkedCount {
  readonly topdir: string;
  readonly reason: ParkReason;
  readonly jobs: number;
}

/** How many jobs of these topdirs are parked, and why; only where there are any. */
export async function countParked(redis: Redis, topdirs: readonly string[]): Promise<ParkedCount[]> {
  const all = topdirs.flatMap((topdir) => PARK_REASONS.map((reason) => ({ topdir, reason })));
  const counts = await Promise.all(all.map(({ topdir, reason }) => redis.zcard(parkedKey(reason, topdir))));
  return all.map((each, index) => ({ ...each, jobs: counts[index] ?? 0 })).filter(({ jobs }) => jobs > 0);
}
