import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BEATS_KEY, HOSTS_KEY } from '../queues/names.js';
import { REDIS_NOW } from '../redis/redis-now.js';
import { PAUSE_MS, type Heard, type WorkerProcess } from './silence.js';

const processSchema = z.object({
  incarnation: z.string(),
  host: z.string(),
  pid: z.number().int().positive(),
  startedAt: z.string(),
  bootId: z.string(),
  pidNamespace: z.string(),
  lockers: z.array(z.string()),
});
/** clockMs: of the host, as it sent the beat; workers of before do not tell it. */
const entrySchema = z.object({ process: processSchema.extend({ clockMs: z.number().optional() }), seenMs: z.number(), left: z.boolean().optional() });

const BEAT = `${REDIS_NOW}
local last = tonumber(redis.call('HGET', KEYS[2], 'last') or 0)
if now - last > tonumber(ARGV[3]) then redis.call('HSET', KEYS[2], 'since', now) end
redis.call('HSET', KEYS[2], 'last', now)
redis.call('HSET', KEYS[1], ARGV[1], '{"seenMs":' .. string.format('%.0f', now) .. ',"process":' .. ARGV[2] .. '}')`;
/** Not one that was taken off the record, or lost with Redis. */
const LEAVE = `${REDIS_NOW}
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return end
redis.call('HSET', KEYS[1], ARGV[1], '{"left":true,"seenMs":' .. string.format('%.0f', now) .. ',"process":' .. ARGV[2] .. '}')`;
const READ = `${REDIS_NOW}
return { string.format('%.0f', now), redis.call('HGET', KEYS[2], 'since') or string.format('%.0f', now), redis.call('HVALS', KEYS[1]) }`;

/** Who works where: every worker process says every few seconds that it is there. Lost with Redis; then everybody is heard anew. */
export class Presence {
  constructor(private readonly redis: Redis) {}

  async beat(process: WorkerProcess): Promise<void> {
    await this.redis.eval(BEAT, 2, HOSTS_KEY, BEATS_KEY, process.incarnation, JSON.stringify({ ...process, clockMs: Date.now() }), PAUSE_MS);
  }

  /** It ends in good order. It stays on record until another process of its host comes: a restart must not look like a host that is gone. */
  async leave(process: WorkerProcess): Promise<void> {
    await this.redis.eval(LEAVE, 1, HOSTS_KEY, process.incarnation, JSON.stringify(process));
  }

  async heard(): Promise<Heard> {
    const [now, since, entries] = (await this.redis.eval(READ, 2, HOSTS_KEY, BEATS_KEY)) as [string, string, string[]];
    return { nowMs: Number(now), listeningSinceMs: Number(since), processes: entries.map(parseEntry) };
  }

  /** Takes a process off the record; false when somebody else has done that. */
  async forget(incarnation: string): Promise<boolean> {
    return (await this.redis.hdel(HOSTS_KEY, incarnation)) === 1;
  }
}

function parseEntry(json: string): Heard['processes'][number] {
  const { process: { clockMs, ...process }, ...seen } = entrySchema.parse(JSON.parse(json));
  return { ...seen, process, ...(clockMs === undefined ? {} : { clockMs }) };
}
