import { DAY_MS, hasFull, type BasepathNow, type FactsWithFull } from './basepath-now.js';
import { expectedCycleMs } from './full-share.js';

export interface TopdirCapacity {
  readonly basepaths: number;
  /** Those with a sealed full; the others count as these do on average. */
  readonly measured: number;
  readonly fullBytes: number;
  /** Of the newest fulls; null when nothing was measured. */
  readonly bytesPerSlotSecond: number | null;
  /** Slots taken on average, day and night. */
  readonly fullSlots: number;
  readonly otherSlots: number;
}

/** What a topdir's backups take of workers' slots, from what the newest sealed ones took (pure). */
export function capacityOf(basepaths: readonly BasepathNow[], nowMs: number): TopdirCapacity {
  const measured = basepaths.filter((each): each is BasepathNow & { facts: FactsWithFull } => hasFull(each.facts));
  const sum = (of: (each: (typeof measured)[number]) => number): number => measured.reduce((total, each) => total + of(each), 0);
  const bytes = sum(({ facts }) => facts.full.sourceBytes);
  const slotMs = sum(({ facts }) => facts.full.slotMs);
  const all = measured.length === 0 ? 0 : basepaths.length / measured.length;
  const cycle = (each: (typeof measured)[number]): number => expectedCycleMs(each, nowMs - Date.parse(each.facts.full.capturedAt));
  return {
    basepaths: basepaths.length,
    measured: measured.length,
    fullBytes: bytes * all,
    bytesPerSlotSecond: slotMs === 0 ? null : (bytes * 1000) / slotMs,
    fullSlots: all * sum((each) => each.facts.full.slotMs / cycle(each)),
    otherSlots: all * sum(({ facts, policy }) => (policy.incrementalEveryMs === null ? 0 : (facts.other?.slotMs ?? 0) / Math.max(policy.incrementalEveryMs, DAY_MS / 24))),
  };
}
