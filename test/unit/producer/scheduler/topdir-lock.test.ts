import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withTopdirLock, type TopdirLock } from '../../../../producer/scheduler/topdir-lock.js';

const silence = (): Promise<number> => new Promise(() => undefined);

/** Holds a lock until `end`, of a Redis that gives it and then answers renewals as `answer` says; each time it is asked for the lock it takes as long as `slow` says. */
function holding(answer: () => Promise<number>, slow: number[] = []) {
  const answers = { end: (): void => undefined };
  const given = (): Promise<number> => new Promise((resolve) => { setTimeout(() => { resolve(1); }, slow.shift() ?? 0); });
  const redis = { eval: (script: string) => (script.includes('PEXPIRE') ? answer() : script.includes('SET') ? given() : Promise.resolve(1)) };
  const held: { lock?: TopdirLock } = {};
  const work = (lock: TopdirLock): Promise<string> => {
    held.lock = lock;
    return new Promise((resolve, reject) => {
      answers.end = () => { resolve('done'); };
      lock.signal.addEventListener('abort', () => { reject(new Error('ended')); });
    });
  };
  const result = withTopdirLock(redis as unknown as Redis, '/u', work).catch((thrown: unknown) => thrown);
  const isLost = (): boolean | undefined => held.lock?.signal.aborted;
  const check = (): void => { held.lock?.check(); };
  return { result, isLost, check, end: () => { answers.end(); } };
}

beforeEach(() => { vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] }); });
afterEach(() => { vi.useRealTimers(); });

describe('the lock of a topdir', () => {
  it('is kept for as long as it is renewed', async () => {
    const { result, isLost, end } = holding(() => Promise.resolve(1));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(isLost()).toBe(false);
    end();
    expect(await result).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends what is done under it before another process may have it, when Redis does not answer', async () => {
    const { result, isLost, check } = holding(silence);
    await vi.advanceTimersByTimeAsync(24_000);
    expect(isLost()).toBe(false);
    check();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isLost()).toBe(true);
    expect(check).toThrow('Redis was away');
    expect(await result).toMatchObject({ code: 'REDIS_UNREACHABLE', subject: '/u' });
  });

  it('counts from the last renewal that was answered, from when it was sent', async () => {
    const renewals = [(): Promise<number> => Promise.resolve(1)];
    const { isLost } = holding(() => (renewals.shift() ?? silence)()); // sent and answered after 10 s
    await vi.advanceTimersByTimeAsync(34_000);
    expect(isLost()).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isLost()).toBe(true);
  });

  it('is asked for again when Redis gave it so late that it may have ended', async () => {
    const { isLost, end, result } = holding(() => Promise.resolve(1), [40_000]);
    await vi.advanceTimersByTimeAsync(70_000);
    expect(isLost()).toBe(false);
    end();
    expect(await result).toBe('done');
  });

  it('ends it at once when it is found to be another process\' already', async () => {
    const { result, isLost } = holding(() => Promise.resolve(0));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isLost()).toBe(true);
    expect(await result).toMatchObject({ code: 'REDIS_UNREACHABLE' });
  });
});
