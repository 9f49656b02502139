import type { Redis } from 'ioredis';
import { z } from 'zod';
import { HANGS_KEY, PARKED_BASEPATHS_KEY } from '../queues/names.js';
import { blamedOn, isForgotten, type Hang, type ParkedBasepath } from './judge-hangs.js';

const hangSchema = z.object({
  basepathId: z.string(),
  topdir: z.string(),
  host: z.string(),
  atMs: z.number(),
  count: z.number().int().positive(),
  answered: z.boolean(),
  seenMs: z.number(),
  over: z.boolean().optional(),
});

const parkedSchema = z.object({ basepathId: z.string(), topdir: z.string(), hosts: z.array(z.string()), sinceMs: z.number(), untilMs: z.number() });

/** A parked basepath is tried again by itself after this, ms: long enough to be seen, short enough that a forgotten one is not lost. */
const PARKED_MS = 86_400_000;

export interface Suspicions {
  readonly hangs: readonly Hang[];
  /** Those that are over, and count should their basepath hang once more. */
  readonly past: readonly Hang[];
  readonly parked: readonly ParkedBasepath[];
}

/** What hung where, and which basepaths are parked for it: in Redis, so that it outlives workers and all of them know. */
export class SuspicionStore {
  constructor(
    private readonly redis: Redis,
    private readonly now: () => number = Date.now,
  ) {}

  /** What is over by time is left out, and taken off the record. */
  async read(): Promise<Suspicions> {
    const [hangs, parked] = await this.#lists();
    const nowMs = this.now();
    const known = hangs.map((json) => hangSchema.parse(JSON.parse(json)));
    const inForce = parked.map((json) => parkedSchema.parse(JSON.parse(json)));
    const old = known.filter((hang) => isForgotten(hang, nowMs));
    const ended = inForce.filter(({ untilMs }) => untilMs <= nowMs);
    if (old.length > 0) await this.forget(old);
    if (ended.length > 0) await this.redis.hdel(PARKED_BASEPATHS_KEY, ...ended.map(({ basepathId }) => basepathId));
    const counting = known.filter((hang) => !old.includes(hang));
    return { hangs: counting.filter(({ over }) => over !== true), past: counting.filter(({ over }) => over === true), parked: inForce.filter((each) => !ended.includes(each)) };
  }

  /** Something of a basepath hung on a host. One that is to blame itself is parked, and what its hosts are suspected of for it is over. True when it was parked. */
  async record({ basepathId, topdir, host, answered }: Pick<Hang, 'basepathId' | 'topdir' | 'host' | 'answered'>): Promise<boolean> {
    const nowMs = this.now();
    const before = (await this.#all()).find((hang) => hang.basepathId === basepathId && hang.host === host);
    const hang: Hang = { basepathId, topdir, host, answered, atMs: nowMs, seenMs: nowMs, count: (before?.count ?? 0) + 1 };
    await this.redis.hset(HANGS_KEY, fieldOf(hang), JSON.stringify(hangSchema.parse(hang)));
    const all = await this.#all(); // others may have come meanwhile
    const hosts = blamedOn(all, basepathId);
    if (hosts === null) return false;
    const parked: ParkedBasepath = { basepathId, topdir, hosts, sinceMs: nowMs, untilMs: nowMs + PARKED_MS };
    const cleared = all.filter((each) => each.basepathId === basepathId).map(fieldOf);
    // In one step: whoever died or looked in between would hold the basepath to blame, and its hosts too.
    await this.redis.multi().hset(PARKED_BASEPATHS_KEY, basepathId, JSON.stringify(parkedSchema.parse(parked))).hdel(HANGS_KEY, ...cleared).exec();
    return true;
  }

  async #lists(): Promise<[hangs: string[], parked: string[]]> {
    const [hangs, parked] = (await this.redis.multi().hvals(HANGS_KEY).hvals(PARKED_BASEPATHS_KEY).exec()) ?? [];
    const failed = hangs?.[0] ?? parked?.[0] ?? null;
    if (failed !== null) throw failed;
    return [hangs?.[1] as string[], parked?.[1] as string[]];
  }

  async #all(): Promise<Hang[]> {
    const { hangs, past } = await this.read();
    return [...hangs, ...past];
  }

  /** Its host has looked: it is still so, or over. */
  async looked(hang: Hang, over: boolean): Promise<void> {
    const seen: Hang = { ...hang, seenMs: this.now(), ...(over ? { over } : {}) };
    // Not one that was taken off the record, or happened again, meanwhile.
    if ((await this.redis.hget(HANGS_KEY, fieldOf(hang))) === JSON.stringify(hangSchema.parse(hang))) await this.redis.hset(HANGS_KEY, fieldOf(hang), JSON.stringify(hangSchema.parse(seen)));
  }

  async forget(hangs: readonly Hang[]): Promise<void> {
    if (hangs.length > 0) await this.redis.hdel(HANGS_KEY, ...hangs.map(fieldOf));
  }

  /** False when it was not parked. */
  async unpark(basepathId: string): Promise<boolean> {
    return (await this.redis.hdel(PARKED_BASEPATHS_KEY, basepathId)) === 1;
  }
}

function fieldOf({ basepathId, host }: Pick<Hang, 'basepathId' | 'host'>): string {
  return `${basepathId} ${host}`;
}
