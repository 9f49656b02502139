/** What a decision about one basepath rests on. Times are ms since the epoch. */
export interface BasepathFacts {
  readonly basepathId: string;
  /** Capture time of the newest sealed full; null when there is none. */
  readonly lastFullAtMs: number | null;
  /** A full of this basepath is waiting or running. */
  readonly fullInFlight: boolean;
}

export interface DuePolicy {
  readonly fullEveryMs: number;
}

export type DueDecision =
  | { readonly due: true; readonly level: 'full'; readonly reason: string }
  | { readonly due: false; readonly reason: string };

/** Decides which backup a basepath needs now (pure). */
export function decideDue(facts: BasepathFacts, policy: DuePolicy, nowMs: number): DueDecision {
  if (facts.fullInFlight) return { due: false, reason: 'a full is in flight' };
  if (facts.lastFullAtMs === null) return { due: true, level: 'full', reason: 'no sealed full' };
  const ageMs = nowMs - facts.lastFullAtMs;
  if (ageMs >= policy.fullEveryMs) return { due: true, level: 'full', reason: `last full is ${days(ageMs)} old` };
  return { due: false, reason: `last full is ${days(ageMs)} old` };
}

function days(ms: number): string {
  return `${(ms / 86_400_000).toFixed(1)} days`;
}
