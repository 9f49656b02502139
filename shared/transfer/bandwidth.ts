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
}

/** Saved-up allowance: long enough to hide timer jitter, short enough that a monitor sees the configured rate. */
const BURST_MS = 250;

/**
 * Token bucket without a timer of its own: `readyAt` is when all bytes granted so far will have had their time.
 * null = unlimited. Bytes granted to an aborted waiter stay spent, which errs on the slow side.
 */
export function createLimiter(bytesPerSecond: number | null, clock: Clock = systemClock): BandwidthLimiter {
  if (bytesPerSecond === null) return { take: () => Promise.resolve() };
  let readyAt = clock.now() - BURST_MS;
  return {
    async take(bytes, signal) {
      const now = clock.now();
      readyAt = Math.max(readyAt, now - BURST_MS) + (bytes * 1000) / bytesPerSecond;
      if (readyAt > now) await clock.sleep(readyAt - now, signal);
    },
  };
}

/** Both directions of one LTS: networks are full duplex, so reading back does not slow down writing. */
export interface Bandwidth {
  readonly write: BandwidthLimiter;
  readonly read: BandwidthLimiter;
}

const shared = new Map<string, Bandwidth>();

/** The one Bandwidth of this process for an LTS at a rate, however many backends are made for it. */
export function sharedBandwidth(lts: string, bytesPerSecond: number | null): Bandwidth {
  const key = `${lts} ${String(bytesPerSecond)}`;
  const known = shared.get(key);
  if (known !== undefined) return known;
  const made = { write: createLimiter(bytesPerSecond), read: createLimiter(bytesPerSecond) };
  shared.set(key, made);
  return made;
}
