import type { Redis } from 'ioredis';
import { z } from 'zod';
import { TOPDIR_RESTORES_KEY } from '../queues/names.js';
import { REDIS_NOW } from '../redis/redis-now.js';

const count = z.number().int().nonnegative();

const stateSchema = z.object({
  id: z.ulid(),
  topdir: z.string(),
  target: z.string(),
  asOf: z.string(),
  /** The process that does it. */
  host: z.string(),
  pid: count,
  user: z.string().nullable(),
  startedAt: z.string(),
  /** Of these: ended, by how; and what has no backup. */
  basepaths: count,
  done: count,
  exceptions: count,
  failed: count,
  withoutBackup: count,
  sourceBytes: count,
  doneBytes: count,
  bytesPerSecond: count.nullable(),
  etaMs: count.nullable(),
  /** basepathId -> restore that was ordered, before it is: whoever goes on with it waits for that one. */
  running: z.record(z.string(), z.string()),
});

export type TopdirRestore = z.infer<typeof stateSchema>;

/** One that was not heard for this long has nobody who does it, ms. */
export const SILENT_MS = 30_000;
/** How often who does one beats, ms. */
export const BEAT_MS = 5_000;

const CANCEL = ':cancel';
const BEAT = ':beat';

/** Only where nobody else beats. One step, so that two who begin at once are not both told to. */
const CLAIM = `
${REDIS_NOW}
local beat = tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. '${BEAT}')) or 0
if ARGV[3] == '' and now - beat < ${SILENT_MS} then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '${BEAT}', now)
redis.call('HDEL', KEYS[1], ARGV[1] .. '${CANCEL}')
return 1`;

const BEAT_NOW = `
${REDIS_NOW}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '${BEAT}', now)
return redis.call('HGET', KEYS[1], ARGV[1] .. '${CANCEL}') or ''`;

const READ_ALL = `
${REDIS_NOW}
return { tostring(now), redis.call('HGETALL', KEYS[1]) }`;

/** A restore of a topdir as others see it. */
export interface SeenTopdirRestore extends TopdirRestore {
  /** Since whoever does it was last heard, ms: more than SILENT_MS, and nobody does it any more. */
  readonly silentMs: number;
}

/** Restores of whole topdirs that somebody does. */
export class TopdirRestores {
  constructor(private readonly redis: Redis) {}

  /** False: somebody else does it. `force`: he is known to be dead. */
  async claim(state: TopdirRestore, force = false): Promise<boolean> {
    return (await this.redis.eval(CLAIM, 1, TOPDIR_RESTORES_KEY, state.id, JSON.stringify(state), force ? 'force' : '')) === 1;
  }

  /** Says how far it is. Returns who has cancelled it, or null. */
  async beat(state: TopdirRestore): Promise<string | null> {
    const by = String(await this.redis.eval(BEAT_NOW, 1, TOPDIR_RESTORES_KEY, state.id, JSON.stringify(state)));
    return by === '' ? null : by;
  }

  /** Whoever does it stops within a beat. */
  async cancel(id: string, by: string): Promise<void> {
    await this.redis.hset(TOPDIR_RESTORES_KEY, `${id}${CANCEL}`, by);
  }

  /** It has ended, or nobody does it any more. */
  async remove(id: string): Promise<void> {
    await this.redis.hdel(TOPDIR_RESTORES_KEY, id, `${id}${BEAT}`, `${id}${CANCEL}`);
  }

  async read(id: string): Promise<SeenTopdirRestore | null> {
    return (await this.all()).find((each) => each.id === id) ?? null;
  }

  /** In the order of their beginning. */
  async all(): Promise<SeenTopdirRestore[]> {
    const [now, flat] = (await this.redis.eval(READ_ALL, 1, TOPDIR_RESTORES_KEY)) as [string, string[]];
    const fields = new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : [])));
    return [...fields.keys()]
      .filter((name) => !name.includes(':'))
      .sort()
      .map((id) => ({ ...stateSchema.parse(JSON.parse(fields.get(id) ?? '')), silentMs: Math.max(0, Number(now) - Number(fields.get(`${id}${BEAT}`) ?? 0)) }));
  }
}
