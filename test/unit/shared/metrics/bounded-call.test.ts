import { expect, test } from 'vitest';
import { ABANDON_MS, BoundedCall } from '../../../../shared/metrics/bounded-call.js';

const TIMEOUT_MS = 10;

test('gives the result, and asks anew once a call ended', async () => {
  let calls = 0;
  const bounded = new BoundedCall('count', () => Promise.resolve((calls += 1)), { timeoutMs: 1_000 });
  expect([await bounded.get(), await bounded.get()]).toEqual([1, 2]);
});

test('callers join the running call', async () => {
  let calls = 0;
  const bounded = new BoundedCall('count', () => Promise.resolve((calls += 1)), { timeoutMs: 1_000 });
  expect(await Promise.all([bounded.get(), bounded.get()])).toEqual([1, 1]);
});

test('a hanging call rejects by its deadline and is not started again until it is given up', async () => {
  let calls = 0;
  let now = 0;
  const hang = (): Promise<never> => {
    calls += 1;
    return new Promise(() => undefined);
  };
  const bounded = new BoundedCall('redis', hang, { timeoutMs: TIMEOUT_MS, now: () => now });
  await expect(bounded.get()).rejects.toMatchObject({ code: 'CALL_TIMEOUT', subject: 'redis', retry: 'retry' });
  await expect(bounded.get()).rejects.toMatchObject({ code: 'CALL_TIMEOUT' });
  expect(calls).toBe(1);
  now += ABANDON_MS;
  await expect(bounded.get()).rejects.toMatchObject({ code: 'CALL_TIMEOUT' });
  expect(calls).toBe(2);
});

test('what the call throws reaches the caller, also when it throws at once', async () => {
  const bounded = new BoundedCall<number>(
    'thrower',
    () => {
      throw new Error('refused');
    },
    { timeoutMs: 1_000 },
  );
  await expect(bounded.get()).rejects.toThrow('refused');
  await expect(bounded.get()).rejects.toThrow('refused');
});
