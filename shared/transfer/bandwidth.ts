import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Resolves after ms; rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};

export interface BandwidthLimiter {
  /** Resolves when `bytes` more may move; in the order of the calls. Rejects when the signal aborts. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** Bytes per second of now, for programs that limit themselves; null = unlimited. */
  rate(): number | null;
}

/** Saved-up allowance: long enough to hide timer jitter, short enough that a monitor sees the configured rate. */
const BURST_MS = 250;

interface Waiter {
  /** Clock time at which its bytes have had their time. */
  due: number;
  /** Aborted when the rate has changed: the sleep is too long, or too short. */
  changed: AbortController;
}

/**
 * Token bucket without a timer of its own: `readyAt` is when all bytes granted so far will have had their time.
 * A rate of null = unlimited. Bytes granted to an aborted waiter stay spent, which errs on the slow side.
 */
export class AdjustableLimiter implements BandwidthLimiter {
  #rate: number | null;
  #readyAt: number;
  readonly #waiting = new Set<Waiter>();

  constructor(
    bytesPerSecond: number | null,
    private readonly clock: Clock = systemClock,
  ) {
    this.#rate = bytesPerSecond;
    this.#readyAt = clock.now() - BURST_MS;
  }

  rate(): number | null {
    return this.#rate;
  }

  /** What waits goes on at the new rate. */
  setRate(bytesPerSecond: number | null): void {
    const before = this.#rate;
    if (before === bytesPerSecond) return;
    this.#rate = bytesPerSecond;
    const now = this.clock.now();
    const scale = before === null || bytesPerSecond === null ? 0 : before / bytesPerSecond;
    const scaled = (time: number): number => now + Math.max(0, time - now) * scale;
    this.#readyAt = scaled(this.#readyAt);
    for (const waiter of this.#waiting) {
      waiter.due = scaled(waiter.due);
      waiter.changed.abort();
    }
  }

  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#rate === null) return;
    const now = this.clock.now();
    this.#readyAt = Math.max(this.#readyAt, now - BURST_MS) + (bytes * 1000) / this.#rate;
    if (this.#readyAt > now) await this.#wait(this.#readyAt, signal);
  }

  async #wait(due: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter: Waiter = { due, changed: new AbortController() };
    this.#waiting.add(waiter);
    try {
      while (!(await this.#slept(waiter, signal))) waiter.changed = new AbortController();
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** False when the rate changed meanwhile. */
  async #slept({ due, changed }: Waiter, signal: AbortSignal | undefined): Promise<boolean> {
    const either = signal === undefined ? changed.signal : AbortSignal.any([signal, changed.signal]);
    try {
      await this.clock.sleep(Math.max(0, due - this.clock.now()), either);
      return true;
    } catch (thrown) {
      if (signal?.aborted === true || !changed.signal.aborted) throw thrown;
      return false;
    }
  }
}

export function createLimiter(bytesPerSecond: number | null, clock: Clock = systemClock): AdjustableLimiter {
  return new AdjustableLimiter(bytesPerSecond, clock);
}

/** Both directions of one LTS: networks are full duplex, so reading back does not slow down writing. */
export interface Bandwidth {
  readonly write: BandwidthLimiter;
  readonly read: BandwidthLimiter;
}

interface AdjustableBandwidth extends Bandwidth {
  readonly write: AdjustableLimiter;
  readonly read: AdjustableLimiter;
}

function adjustable(bytesPerSecond: number | null): AdjustableBandwidth {
  return { write: createLimiter(bytesPerSecond), read: createLimiter(bytesPerSecond) };
}

/** Of all LTS of this process together. */
const total = adjustable(null);
const own = new Map<string, AdjustableBandwidth>();
const shared = new Map<string, Bandwidth>();

/** The one Bandwidth of this process for an LTS, however many backends are made for it: its own and that of all together. The first rate counts. */
export function sharedBandwidth(lts: string, bytesPerSecond: number | null): Bandwidth {
  const known = shared.get(lts);
  if (known !== undefined) return known;
  const { write, read } = adjustable(bytesPerSecond);
  own.set(lts, { write, read });
  const made = { write: both(total.write, write), read: both(total.read, read) };
  shared.set(lts, made);
  return made;
}

/** From now on, also for what is under way. `lts` null: all together. One that nobody has a backend of is left alone. */
export function setBandwidth(lts: string | null, bytesPerSecond: number | null): void {
  const bandwidth = lts === null ? total : own.get(lts);
  bandwidth?.write.setRate(bytesPerSecond);
  bandwidth?.read.setRate(bytesPerSecond);
}

function both(a: BandwidthLimiter, b: BandwidthLimiter): BandwidthLimiter {
  return {
    take: async (bytes, signal) => {
      await Promise.all([a.take(bytes, signal), b.take(bytes, signal)]);
    },
    rate: () => {
      const [first, second] = [a.rate(), b.rate()];
      return first === null || second === null ? (first ?? second) : Math.min(first, second);
    },
  };
}
