import { bytesInBundle } from './lay-out.js';

/** What waits to be bundled. */
export interface WaitingPart {
  readonly bytes: number;
  /** Since when, ms since the epoch. */
  readonly sinceMs: number;
}

export interface BundleLimits {
  readonly minBytes: number;
  readonly maxWaitMs: number;
}

/** Of one bundle: its table of contents and the record of it in Redis are read and written at once. */
export const MOST_PARTS = 20_000;

export type BundleChoice<P> = { readonly close: readonly P[]; readonly why: 'full' | 'waited' | 'pressed' } | { readonly close: null; readonly waitUntilMs: number | null };

/**
 * Whether a bundle is closed now, and of what (pure): the oldest first, until it has minBytes; a smaller one when its oldest has waited maxWaitMs, or when
 * `pressed`, because somebody needs the room. Nothing is padded. `waitUntilMs`: when the oldest has waited long enough; null: nothing waits.
 */
export function chooseBundle<P extends WaitingPart>(waiting: readonly P[], { minBytes, maxWaitMs }: BundleLimits, nowMs: number, pressed: boolean): BundleChoice<P> {
  const sorted = [...waiting].sort((a, b) => a.sinceMs - b.sinceMs);
  const [oldest] = sorted;
  if (oldest === undefined) return { close: null, waitUntilMs: null };
  let bytes = 0;
  const chosen: P[] = [];
  for (const part of sorted) {
    chosen.push(part);
    bytes += bytesInBundle(part.bytes);
    if (bytes >= minBytes || chosen.length === MOST_PARTS) return { close: chosen, why: 'full' };
  }
  if (pressed) return { close: chosen, why: 'pressed' };
  const waitUntilMs = oldest.sinceMs + maxWaitMs;
  return waitUntilMs <= nowMs ? { close: chosen, why: 'waited' } : { close: null, waitUntilMs };
}
