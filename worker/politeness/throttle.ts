/** When a source is slow, and how much work goes on then all the same. */
export interface ThrottleLimits {
  /** A median above this is slow, ms; null = whatever it is. */
  readonly absoluteMs: number | null;
  /** So is one above so many times the usual; null = whatever it is. */
  readonly factor: number | null;
}

/** State of one source filesystem on this host; made by `freshThrottle`, changed by `throttleStep` only. */
export interface Throttle {
  /** run: nothing holds · hold: stopped · breathe: stopped work may go on for a moment. */
  readonly mode: 'run' | 'hold' | 'breathe';
  /** When the mode began, ms of a clock that does not jump. */
  readonly sinceMs: number;
  /** The newest probes, ms. */
  readonly window: readonly number[];
  /** What a probe usually takes, ms; null until it is learnt. */
  readonly usualMs: number | null;
}

/** Probes the median is taken of: one slow answer among them is no reason. */
const WINDOW = 5;
/** It is well again when the median is below this share of what is slow: between the two nothing changes. */
const WELL_SHARE = 0.7;
/** While slow: stopped for so long, then let go on for so long, a tenth of the time, so that nothing stands for ever. */
export const HOLD_MS = 45_000;
export const BREATHE_MS = 5_000;
/** What is usual follows the probes slowly, and only while they are not slow: 5 s apart, half of a change is learnt in five minutes. */
const LEARN_SHARE = 0.012;
/** Below this nothing is slow by the factor: stat of a cached inode takes 0.01 ms, and ten times that hurts nobody. */
const LEAST_SLOW_MS = 2;

export function freshThrottle(nowMs: number, usualMs: number | null = null): Throttle {
  return { mode: 'run', sinceMs: nowMs, window: [], usualMs };
}

/** Median above which the source is slow, ms; Infinity = never (pure). */
export function slowFromMs({ absoluteMs, factor }: ThrottleLimits, usualMs: number | null): number {
  const byFactor = factor === null || usualMs === null ? Infinity : Math.max(LEAST_SLOW_MS, factor * usualMs);
  return Math.min(absoluteMs ?? Infinity, byFactor);
}

/** The state after one more probe (pure). */
export function throttleStep(before: Throttle, probeMs: number, limits: ThrottleLimits, nowMs: number): Throttle {
  const window = [...before.window, probeMs].slice(-WINDOW);
  const median = medianOf(window);
  const slowFrom = slowFromMs(limits, before.usualMs);
  const slow = window.length === WINDOW && median > slowFrom;
  const usualMs = slow || before.mode !== 'run' ? before.usualMs : learn(before.usualMs, window, median);
  const mode = nextMode(before, nowMs, slow, median <= slowFrom * WELL_SHARE);
  return { mode, sinceMs: mode === before.mode ? before.sinceMs : nowMs, window, usualMs };
}

function nextMode({ mode, sinceMs }: Throttle, nowMs: number, slow: boolean, well: boolean): Throttle['mode'] {
  if (mode === 'run') return slow ? 'hold' : 'run';
  if (well) return 'run';
  const duration = nowMs - sinceMs;
  if (mode === 'hold') return duration >= HOLD_MS ? 'breathe' : 'hold';
  return duration >= BREATHE_MS ? 'hold' : 'breathe';
}

/** The first full window is the usual until more is known. */
function learn(usualMs: number | null, window: readonly number[], median: number): number | null {
  if (usualMs === null) return window.length === WINDOW ? median : null;
  return usualMs + (median - usualMs) * LEARN_SHARE;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
