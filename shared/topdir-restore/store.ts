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
  /** Decimal text, as in manifests. */
  sourceBytes: z.string(),
  doneBytes: z.string(),
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
const OWNER = ':owner';

/** Only where nobody else beats. One step, so that two who begin at once are not both told to. */
const CLAIM = `
${REDIS_NOW}
local beat = tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. '${BEAT}')) or 0
if ARGV[3] == '' and now - beat < ${SILENT_MS} then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '${BEAT}', now, ARGV[1] .. '${OWNER}', ARGV[4])
redis.call('HDEL', KEYS[1], ARGV[1] .. '${CANCEL}')
return 1`;

/** Nothing where another has taken over from one that was not heard for too long. */
const BEAT_NOW = `
${REDIS_NOW}
local owner = redis.call('HGET', KEYS[1], ARGV[1] .. '${OWNER}')
if owner and owner ~= ARGV[3] then return { 'taken', owner } end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[1] .. '${BEAT}', now, ARGV[1] .. '${OWNER}', ARGV[3])
local by = redis.call('HGET', KEYS[1], ARGV[1] .. '${CANCEL}')
return by and { 'cancelled', by } or { 'go-on', '' }`;

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
    return (await this.redis.eval(CLAIM, 1, TOPDIR_RESTORES_KEY, state.id, JSON.stringify(state), force ? 'force' : '', ownerOf(state))) === 1;
  }

  /** Says how far it is, and learns whether it is to go on. `by`: who cancelled it, or does it now. */
  async beat(state: TopdirRestore): Promise<{ readonly is: 'go-on' | 'cancelled' | 'taken'; readonly by: string }> {
    const [is, by] = (await this.redis.eval(BEAT_NOW, 1, TOPDIR_RESTORES_KEY, state.id, JSON.stringify(state), ownerOf(state))) as ['go-on' | 'cancelled' | 'taken', string];
    return { is, by };
  }

  /** Whoever does it stops within a beat. */
  async cancel(id: string, by: string): Promise<void> {
    await this.redis.hset(TOPDIR_RESTORES_KEY, `${id}${CANCEL}`, by);
  }

  /** Nobody does it from now on, but what was ordered of it goes on. */
  async release(state: TopdirRestore): Promise<void> {
    await this.redis.pipeline().hset(TOPDIR_RESTORES_KEY, state.id, JSON.stringify(state)).hdel(TOPDIR_RESTORES_KEY, `${state.id}${BEAT}`, `${state.id}${OWNER}`).exec();
  }

  /** It has ended, or nobody does it any more. */
  async remove(id: string): Promise<void> {
    await this.redis.hdel(TOPDIR_RESTORES_KEY, id, `${id}${BEAT}`, `${id}${OWNER}`, `${id}${CANCEL}`);
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

function ownerOf({ host, pid }: TopdirRestore): string {
  return `${host} ${pid}`;
}
