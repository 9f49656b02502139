import { describe, expect, it } from 'vitest';
import { LOCK } from '../../../../shared/queues/options.js';
import { lockLimits, lockState } from '../../../../worker/processor/lock-state.js';

describe('the lock of a running job', () => {
  it.each([
    [300_000, 210_000, 270_000],
    [60_000, 39_000, 54_000],
    [2_000, 1_300, 1_800],
  ])('of %d ms: what is open is closed %d ms after the last renewal, and all has ended after %d ms', (durationMs, endingMs, endedMs) => {
    expect(lockLimits(durationMs)).toEqual({ endingMs, endedMs });
  });

  it.each([
    [0, 'held'],
    [209_999, 'held'],
    [210_000, 'ending'],
    [269_999, 'ending'],
    [270_000, 'ended'],
    [36_000_000, 'ended'],
    [-5, 'held'],
  ] as const)('%d ms after the last renewal it is %s', (ageMs, state) => {
    expect(lockState(1_000_000 + ageMs, 1_000_000, lockLimits(300_000))).toBe(state);
  });

  it('outlives an outage of 150 s, also one that begins just before a renewal', () => {
    const limits = lockLimits(LOCK.lockDurationMs);
    expect(limits.endingMs - LOCK.lockRenewTimeMs / 2).toBeGreaterThanOrEqual(150_000);
    expect(limits.endedMs).toBeLessThan(LOCK.lockDurationMs);
  });
});
