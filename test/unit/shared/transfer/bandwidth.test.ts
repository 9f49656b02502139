import { describe, expect, it } from 'vitest';
import { createLimiter, sharedBandwidth, type Clock } from '../../../../shared/transfer/bandwidth.js';

/** Time passes only by sleeping. */
function fakeClock(): Clock & { ms: number; slept: number[] } {
  const clock = {
    ms: 5000,
    slept: [] as number[],
    now: () => clock.ms,
    sleep: (ms: number, signal?: AbortSignal) => {
      if (signal?.aborted === true) return Promise.reject(new Error('aborted'));
      clock.slept.push(ms);
      clock.ms += ms;
      return Promise.resolve();
    },
  };
  return clock;
}

describe('bandwidth limit', () => {
  it('lets bytes through at the configured rate after a short burst', async () => {
    const clock = fakeClock();
    const limiter = createLimiter(1000, clock);
    for (let i = 0; i < 100; i += 1) await limiter.take(100);
    expect(clock.ms - 5000).toBe(10_000 - 250);
  });

  it('shares the rate between callers, in the order of their calls', async () => {
    const clock = fakeClock();
    const done: string[] = [];
    const limiter = createLimiter(1000, { ...clock, now: () => 0, sleep: (ms) => Promise.resolve(void clock.slept.push(ms)) });
    await Promise.all([limiter.take(1000).then(() => done.push('a')), limiter.take(1000).then(() => done.push('b'))]);
    expect(clock.slept).toEqual([750, 1750]);
    expect(done).toEqual(['a', 'b']);
  });

  it('does not save up an idle hour', async () => {
    const clock = fakeClock();
    const limiter = createLimiter(1000, clock);
    await limiter.take(250);
    clock.ms += 3_600_000;
    await limiter.take(1250);
    expect(clock.slept).toEqual([1000]);
  });

  it('never waits without a limit', async () => {
    const clock = fakeClock();
    await createLimiter(null, clock).take(1e15);
    expect(clock.slept).toEqual([]);
  });

  it('gives up waiting when aborted', async () => {
    const limiter = createLimiter(1, fakeClock());
    await expect(limiter.take(100, AbortSignal.abort())).rejects.toThrow('aborted');
  });

  it('is one per storage and rate in this process', () => {
    expect(sharedBandwidth('tape', 5)).toBe(sharedBandwidth('tape', 5));
    expect(sharedBandwidth('tape', 5)).not.toBe(sharedBandwidth('disk', 5));
  });
});
