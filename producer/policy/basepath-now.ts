import type { BasepathSchedule } from '../../shared/config/config.js';
import type { BasepathFacts } from '../../shared/runs/basepath-facts.js';
import type { Failures } from '../../shared/runs/failures.js';

/** A backup that waits or runs. */
export interface InFlight {
  readonly jobId: string;
  /** ms since the epoch. */
  readonly enqueuedAtMs: number;
  /** A worker has begun with it. */
  readonly started: boolean;
  /** Planned bytes, once they are known. */
  readonly bytes: number | null;
}

/** All a decision about one basepath rests on. */
export interface BasepathNow {
  readonly basepathId: string;
  readonly policy: BasepathSchedule;
  /** null: no sealed backup. */
  readonly facts: BasepathFacts | null;
  readonly failures: Failures | null;
  readonly full: InFlight | null;
  /** Its incremental or differential. */
  readonly other: InFlight | null;
}

/** Facts of a basepath that has a sealed full. */
export type FactsWithFull = BasepathFacts & { readonly full: NonNullable<BasepathFacts['full']> };

export function hasFull(facts: BasepathFacts | null): facts is FactsWithFull {
  return facts !== null && facts.full !== null;
}

export const DAY_MS = 86_400_000;
