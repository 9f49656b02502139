import type { TopdirConfig } from '../../shared/config/config.js';
import type { BasepathStatus } from '../../shared/catalog/status.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import { policyOf } from './basepath-policy.js';

/** What tells whether a basepath counts as broken. Times are ms since the epoch. */
export interface Lateness {
  /** Capture of the last sealed backup; null: never. */
  readonly lastSealedMs: number | null;
  /** When it was found; null where the journal has lost it. */
  readonly foundMs: number | null;
}

/**
 * How long a basepath is past due, ms, or null (pure): nothing sealed for longer than schedule.pastDue, since its last backup or, of one that
 * never had any, since it was found.
 */
export function pastDueFor({ lastSealedMs, foundMs }: Lateness, pastDueMs: number | null, nowMs: number): number | null {
  const sinceMs = lastSealedMs ?? foundMs;
  if (pastDueMs === null || sinceMs === null) return null;
  const lateMs = nowMs - sinceMs - pastDueMs;
  return lateMs > 0 ? lateMs : null;
}

/** The same from catalog and journal alone, right while nothing runs. A basepath that is gone, or whose topdir is not configured any more, is not late. */
export function lateOf(status: BasepathStatus, topdirs: readonly TopdirConfig[], nowMs: number): number | null {
  const topdir = topdirs.find(({ path }) => path === status.topdir);
  if (topdir === undefined || status.state === 'deleted') return null;
  const { pastDueMs } = status.path === null ? topdir.schedule : policyOf(topdir, fromPathJson(status.path));
  const lastSealedMs = status.lastSealed === null ? null : Date.parse(status.lastSealed.capturedAt);
  return pastDueFor({ lastSealedMs, foundMs: status.foundMs }, pastDueMs, nowMs);
}
