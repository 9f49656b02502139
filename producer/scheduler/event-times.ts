import type { Redis } from 'ioredis';
import type { EventKind, TopdirConfig } from '../../shared/config/config.js';
import { EVENTS_KEY } from '../../shared/queues/names.js';
import { nextEvent } from '../policy/moments.js';
import { ALL_EVENTS } from './tick.js';

/** Incrementals that wait for fulls to start are looked at this often, ms. */
export const GATED_AGAIN_MS = 60_000;
/** Events of a topdir that failed (a program, Redis, a hook) come again after this, ms: a hiccup costs no day. */
export const RETRY_EVENTS_MS = 300_000;
/** A clock that was set, or a Redis that was wiped, is noticed after this, ms. */
const LONGEST_WAIT_MS = 3_600_000;

/** When the events of every topdir come. What came last is kept in Redis, so that after downtime what was missed is done at once, and only that. */
export class EventTimes {
  /** `KIND TOPDIR` -> ms since the epoch. */
  readonly #again = new Map<string, number>();
  /** What has not come yet, and not before this. */
  readonly #notBefore = new Map<string, number>();

  constructor(
    private readonly redis: Redis,
    private readonly topdirs: readonly TopdirConfig[],
  ) {}

  /** What it is time for now, by topdir. One that has never come comes now. */
  async due(nowMs: number): Promise<Map<string, EventKind[]>> {
    const last = await this.#last();
    return new Map(this.topdirs.map((topdir) => [topdir.path, ALL_EVENTS.filter((kind) => this.#next(topdir, kind, last) <= nowMs)]));
  }

  /** Notes that these came. `gated`: incrementals are to be looked at again soon. */
  async came(topdir: string, kinds: readonly EventKind[], gated: boolean, nowMs: number): Promise<void> {
    const again = fieldOf('incrementals', topdir);
    if (gated) this.#again.set(again, nowMs + GATED_AGAIN_MS);
    else if (kinds.includes('incrementals')) this.#again.delete(again);
    for (const kind of kinds) this.#notBefore.delete(fieldOf(kind, topdir));
    if (kinds.length > 0) await this.redis.hset(EVENTS_KEY, Object.fromEntries(kinds.map((kind) => [fieldOf(kind, topdir), String(nowMs)])));
  }

  /** Notes that these were tried in vain: they come again, sooner than the next ones. */
  failed(topdir: string, kinds: readonly EventKind[], nowMs: number): void {
    for (const kind of kinds) this.#notBefore.set(fieldOf(kind, topdir), nowMs + RETRY_EVENTS_MS);
  }

  /** Until the next one, ms; 0 when it is time already. */
  async wait(nowMs: number): Promise<number> {
    const last = await this.#last();
    const next = Math.min(...this.topdirs.flatMap((topdir) => ALL_EVENTS.map((kind) => this.#next(topdir, kind, last))));
    return Math.min(Math.max(0, next - nowMs), LONGEST_WAIT_MS);
  }

  #next(topdir: TopdirConfig, kind: EventKind, last: Readonly<Record<string, string>>): number {
    const field = fieldOf(kind, topdir.path);
    const came = last[field];
    const next = came === undefined ? -Infinity : Math.min(nextEvent(kind, topdir.schedule, Number(came)), this.#again.get(field) ?? Infinity);
    return Math.max(next, this.#notBefore.get(field) ?? -Infinity);
  }

  async #last(): Promise<Record<string, string>> {
    return this.redis.hgetall(EVENTS_KEY);
  }
}

function fieldOf(kind: EventKind, topdir: string): string {
  return `${kind} ${topdir}`;
}
