/** A restore that has ended. */
export interface PastRestore {
  readonly startedMs: number;
  readonly endedMs: number;
  /** Of the archives it read. */
  readonly bytes: number;
}

export interface RestoreRate {
  readonly bytesPerSecond: number;
  /** From so many restores. */
  readonly restores: number;
}

/** The last ones say how fast the site is now. */
const NEWEST = 50;

/** How fast the newest restores were together: what they read, by the time in which at least one of them ran (pure). Null: there were none that say something. */
export function restoreRate(past: readonly PastRestore[]): RestoreRate | null {
  const newest = past.filter(({ bytes, startedMs, endedMs }) => bytes > 0 && endedMs > startedMs).sort((a, b) => a.endedMs - b.endedMs).slice(-NEWEST);
  const bytes = newest.reduce((sum, each) => sum + each.bytes, 0);
  const busyMs = coveredMs(newest);
  return busyMs === 0 ? null : { bytesPerSecond: Math.round((bytes * 1000) / busyMs), restores: newest.length };
}

function coveredMs(spans: readonly PastRestore[]): number {
  let [total, until] = [0, -Infinity];
  for (const { startedMs, endedMs } of [...spans].sort((a, b) => a.startedMs - b.startedMs)) {
    total += Math.max(0, endedMs - Math.max(startedMs, until));
    until = Math.max(until, endedMs);
  }
  return total;
}
