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
