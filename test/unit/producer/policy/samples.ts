import { ulid } from 'ulid';
import type { ScheduleConfig } from '../../../../shared/config/config.js';
import type { BasepathFacts } from '../../../../shared/runs/basepath-facts.js';
import { DAY_MS, type BasepathNow } from '../../../../producer/policy/basepath-now.js';

export const NOW = Date.parse('2026-06-01T00:30:00Z');
export const GIB = 2 ** 30;

export const SCHEDULE: ScheduleConfig = {
  fullEveryMs: 30 * DAY_MS,
  incrementalEveryMs: DAY_MS,
  level: 'incremental',
  maxDifferentialShare: 0.5,
  maxChain: 60,
  pastDueMs: 3 * DAY_MS,
  timezone: 'UTC',
  startOfDay: 0,
  startOfHour: 0,
  events: {
    scan: { kind: 'every', ms: 3_600_000 },
    fulls: { kind: 'startOfHour' },
    incrementals: { kind: 'startOfHour' },
    failed: { kind: 'every', ms: 3_600_000 },
    pastDue: { kind: 'every', ms: 900_000 },
  },
  incrementalGate: 'fulls-started',
  maxNewFulls: { count: null, bytes: null },
};

export interface SampleFacts {
  /** Days before `nowMs`. */
  readonly fullDays: number;
  readonly newestDays?: number;
  readonly bytes?: number;
  readonly chain?: number;
  /** Of the full. */
  readonly share?: number;
  readonly first?: boolean;
}

export function sampleFacts({ fullDays, newestDays = fullDays, bytes = GIB, chain = 0, share = 0, first = true }: SampleFacts, nowMs = NOW): BasepathFacts {
  const at = (days: number): number => nowMs - days * DAY_MS;
  const full = { backupId: idAt(at(fullDays)), capturedAt: new Date(at(fullDays)).toISOString(), sourceBytes: bytes, archiveBytes: bytes, slotMs: 60_000, first };
  return {
    backupId: idAt(at(newestDays)),
    level: chain === 0 ? 'full' : 'incremental',
    capturedAt: new Date(at(newestDays)).toISOString(),
    outcome: 'clean',
    sourceBytes: bytes,
    full,
    chain: { length: chain, archiveBytes: bytes * share },
    other: null,
  };
}

export function sampleBasepath(fields: Partial<BasepathNow> = {}): BasepathNow {
  return { basepathId: 'alice-3f9a2c', policy: SCHEDULE, facts: null, failures: null, full: null, other: null, ...fields };
}

/** The id of a backup enqueued then. */
export function idAt(ms: number): string {
  return ulid(Math.floor(ms), () => 0.5);
}
