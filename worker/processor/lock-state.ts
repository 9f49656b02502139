/** ms since a moment at which Redis certainly held a job's lock: from then on it is asked to stop, and must have ended. */
export interface LockLimits {
  readonly endingMs: number;
  readonly endedMs: number;
}

/** held: renewed lately · ending: what dar has must be closed now · ended: it may be somebody else's by now. */
export type LockState = 'held' | 'ending' | 'ended';

/** Of the lock's duration, for what is late: timers, signals, the end of a child. */
const MARGIN = 1 / 10;
/** To close an archive: dar needs 2 s at 700,000 entries, and more where its source or staging is slow. */
const CLOSING = { share: 1 / 4, atMostMs: 60_000 } as const;

/** Of a lock of 300 s: stop at 210 s, be over at 270 s. */
export function lockLimits(lockDurationMs: number): LockLimits {
  const endedMs = lockDurationMs * (1 - MARGIN);
  return { endedMs, endingMs: endedMs - Math.min(CLOSING.atMostMs, lockDurationMs * CLOSING.share) };
}

/** `sureMs`: when the command that last set the lock was sent: Redis counts from then or later. */
export function lockState(nowMs: number, sureMs: number, limits: LockLimits): LockState {
  const ageMs = nowMs - sureMs;
  if (ageMs >= limits.endedMs) return 'ended';
  return ageMs >= limits.endingMs ? 'ending' : 'held';
}
