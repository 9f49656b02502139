import type { DefaultJobOptions, WorkerOptions } from 'bullmq';
import { PREFIX } from './names.js';

/**
 * Locks long enough for a Redis restart. They are renewed every half lockRenewTime, and jobs are stopped 210 s after the last renewal (worker/processor/lock-state.ts): an outage
 * of 180 s is survived with everything running on; the default of 30 s does not survive one of 60 s (measured: jobs ran twice).
 */
export const LOCK = { lockDurationMs: 300_000, lockRenewTimeMs: 60_000, stalledIntervalMs: 60_000 } as const;

/** Pause before a second attempt, and the longest one. */
const BACKOFF = { firstBackoffMs: 5_000, maxBackoffMs: 600_000 } as const;

/** How long things take in the queues, ms. Tests of crashes and retries give shorter ones. */
export type QueueTiming = Readonly<Record<keyof typeof LOCK | keyof typeof BACKOFF, number>>;

export const TIMING: QueueTiming = { ...LOCK, ...BACKOFF };

/** Stalls beyond this fail the job; each is a crash of a worker, not an attempt. Not counted: where its worker lives (forgiveStall); forgotten: when it got on (clearStalls). */
export const MAX_STALLED = 3;
const ATTEMPTS = 4;

export function workerOptions(name: string, concurrency: number, timing: QueueTiming = TIMING): Omit<WorkerOptions, 'connection'> {
  return {
    prefix: PREFIX,
    name,
    concurrency,
    autorun: false,
    lockDuration: timing.lockDurationMs,
    skipLockRenewal: true, // worker/processor/lock-keeper.ts does it
    stalledInterval: timing.stalledIntervalMs,
    maxStalledCount: MAX_STALLED,
    drainDelay: 5,
    settings: { backoffStrategy: (attempts) => backoffMs(attempts, Math.random, timing) },
  };
}

/** Doubling pause before the next attempt, capped, with up to 20 % jitter so that failed jobs do not return together. */
export function backoffMs(attemptsMade: number, random: () => number = Math.random, timing: QueueTiming = TIMING): number {
  const base = Math.min(timing.firstBackoffMs * 2 ** Math.max(0, attemptsMade - 1), timing.maxBackoffMs);
  return Math.round(base * (1 - 0.2 * random()));
}

export const JOB_DEFAULTS: DefaultJobOptions = {
  attempts: ATTEMPTS,
  backoff: { type: 'custom' },
  // Results live in catalog and journal; Redis keeps a day for people who look.
  removeOnComplete: { age: 86_400, count: 2_000 },
};
