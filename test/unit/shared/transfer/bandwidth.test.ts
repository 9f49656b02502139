import { describe, expect, it } from 'vitest';
import { createLimiter, setBandwidth, sharedBandwidth, type Clock } from '../../../../shared/transfer/bandwidth.js';

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

  it.each([
    ['raised', 10_000, 100],
    ['lowered', 500, 2000],
    ['taken away', null, 0],
  ])('is %s for what waits already', async (_how, rate, expected) => {
    const clock = fakeClock();
    const sleeps: number[] = [];
    let end = (): void => undefined;
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        sleeps.push(ms);
        signal?.addEventListener('abort', () => { reject(new Error('aborted')); }, { once: true });
        end = resolve;
      });
    const limiter = createLimiter(1000, { now: () => clock.ms, sleep });
    const taken = limiter.take(1250);
    limiter.setRate(rate);
    await expect.poll(() => sleeps).toEqual([1000, expected]);
    end();
    await taken;
  });

  it('holds for one storage and for all together, and can be changed', async () => {
    for (const lts of ['one', 'two']) setBandwidth(lts, null);
    const [one, two] = [sharedBandwidth('one', 1e9), sharedBandwidth('two', null)];
    setBandwidth(null, 1);
    const stop = new AbortController();
    const waiting = [one.write.take(10, stop.signal), two.write.take(10, stop.signal)];
    stop.abort();
    for (const each of waiting) await expect(each).rejects.toThrow();
    setBandwidth(null, null);
    await two.write.take(1e12);
    setBandwidth('two', 1);
    await one.write.take(10);
    await expect(two.write.take(10, AbortSignal.abort())).rejects.toThrow();
  });

  it('is one per storage in this process', () => {
    expect(sharedBandwidth('tape', 5)).toBe(sharedBandwidth('tape', 5));
    expect(sharedBandwidth('tape', 5)).not.toBe(sharedBandwidth('disk', 5));
  });
});
