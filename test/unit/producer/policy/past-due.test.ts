import { describe, expect, it } from 'vitest';
import type { BasepathStatus } from '../../../../shared/catalog/status.js';
import type { TopdirConfig } from '../../../../shared/config/config.js';
import { lateOf, pastDueFor } from '../../../../producer/policy/past-due.js';
import { DAY_MS } from '../../../../producer/policy/basepath-now.js';
import { NOW, SCHEDULE } from './samples.js';

const TOPDIR = { path: '/u/staff', schedule: SCHEDULE, basepaths: [{ path: 'bob', schedule: { ...SCHEDULE, pastDueMs: 10 * DAY_MS } }] } as unknown as TopdirConfig;

function status(path: string, sealedDays: number | null, fields: Partial<BasepathStatus> = {}): BasepathStatus {
  const lastSealed = sealedDays === null ? null : { capturedAt: new Date(NOW - sealedDays * DAY_MS).toISOString() };
  return { path, topdir: '/u/staff', state: 'ok', foundMs: NOW - 100 * DAY_MS, lastSealed, ...fields } as BasepathStatus;
}

describe('past due', () => {
  it.each([
    ['a fresh backup', 0.5, null],
    ['just not yet', 3, null],
    ['by a day', 4, DAY_MS],
    ['never saved since it was found', null, 97 * DAY_MS],
  ])('%s', (_case, days, expected) => {
    expect(lateOf(status('/u/staff/alice', days), [TOPDIR], NOW)).toBe(expected);
  });

  it('by the settings of the basepath, where it has some', () => {
    expect(lateOf(status('/u/staff/bob', 9), [TOPDIR], NOW)).toBeNull();
    expect(lateOf(status('/u/staff/bob', 11), [TOPDIR], NOW)).toBe(DAY_MS);
  });

  it('not what is gone, nor what is not backed up any more', () => {
    expect(lateOf(status('/u/staff/alice', 9, { state: 'deleted' }), [TOPDIR], NOW)).toBeNull();
    expect(lateOf(status('/u/old/alice', 9, { topdir: '/u/old' }), [TOPDIR], NOW)).toBeNull();
    expect(pastDueFor({ lastSealedMs: 0, foundMs: 0 }, null, NOW)).toBeNull();
  });

  it('a new one has as long as others', () => {
    expect(pastDueFor({ lastSealedMs: null, foundMs: NOW - DAY_MS }, 3 * DAY_MS, NOW)).toBeNull();
    expect(pastDueFor({ lastSealedMs: null, foundMs: null }, 3 * DAY_MS, NOW)).toBeNull();
  });
});
