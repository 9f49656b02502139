import type { VerifyConfig } from '../../shared/config/config.js';
import type { VerifyLevel } from '../../shared/verify/result.js';

/** A basepath whose newest backup may be verified. */
export interface VerifyCandidate {
  readonly basepathId: string;
  readonly backupId: string;
  /** ms since the epoch; null: never. */
  readonly lastVerifiedAtMs: number | null;
  /** Of what a verification of the configured level and the whole chain would recall from tape; 0 where a copy lies on disk. */
  readonly tape: { readonly bytes: number; readonly objects: number };
}

export interface ChosenVerification {
  readonly basepathId: string;
  readonly backupId: string;
  readonly level: VerifyLevel;
  readonly samplePercent: number;
  readonly recall: boolean;
  /** What it is expected to recall. */
  readonly recalls: { readonly bytes: number; readonly objects: number };
  readonly reason: string;
}

export interface ChooseInput {
  readonly candidates: readonly VerifyCandidate[];
  readonly config: VerifyConfig;
  readonly nowMs: number;
  /** Recalled, or about to be, within the last day. */
  readonly spent: { readonly bytes: number; readonly objects: number };
  /** Most that are ordered at once. */
  readonly atOnce: number;
}

/**
 * What is verified next: whoever was not for longest, while the recall budget of the day lasts (pure). What would recall more than is left of it gets a smaller
 * sample, and where not even one object fits only the check that needs none: never nothing, never more than the budget.
 */
export function chooseVerifications({ candidates, config, nowMs, spent, atOnce }: ChooseInput): ChosenVerification[] {
  const { everyMs } = config;
  if (everyMs === null) return [];
  const due = candidates.filter(({ lastVerifiedAtMs }) => lastVerifiedAtMs === null || nowMs - lastVerifiedAtMs >= everyMs).sort(longestFirst);
  const left = { bytes: (config.recallPerDay?.bytes ?? 0) - spent.bytes, objects: (config.recallPerDay?.objects ?? 0) - spent.objects };
  return due.slice(0, atOnce).map((candidate) => {
    const chosen = chooseOne(candidate, config, left, nowMs);
    left.bytes -= chosen.recalls.bytes;
    left.objects -= chosen.recalls.objects;
    return chosen;
  });
}

function longestFirst(a: VerifyCandidate, b: VerifyCandidate): number {
  return (a.lastVerifiedAtMs ?? -Infinity) - (b.lastVerifiedAtMs ?? -Infinity) || (a.basepathId < b.basepathId ? -1 : 1);
}

function chooseOne({ basepathId, backupId, lastVerifiedAtMs, tape }: VerifyCandidate, config: VerifyConfig, left: { bytes: number; objects: number }, nowMs: number): ChosenVerification {
  const base = { basepathId, backupId, level: config.level, samplePercent: config.samplePercent };
  const why = lastVerifiedAtMs === null ? 'never verified' : `verified ${Math.floor((nowMs - lastVerifiedAtMs) / 86_400_000)} days ago`;
  const nothing = { bytes: 0, objects: 0 };
  if (tape.objects === 0 || config.level === 'manifest') return { ...base, recall: false, recalls: nothing, reason: why };
  // A sample may fall on the largest objects: a restore drill or `dar -t` reads whole archives. Counted is what all of the chain weighs, but for hash.
  const share = config.level === 'hash' ? config.samplePercent / 100 : 1;
  const fits = Math.min(1, left.bytes / Math.ceil(tape.bytes * share), left.objects / Math.max(1, Math.ceil(tape.objects * share)));
  if (fits === 1) return { ...base, recall: true, recalls: { bytes: Math.ceil(tape.bytes * share), objects: Math.max(1, Math.ceil(tape.objects * share)) }, reason: why };
  const average = tape.bytes / tape.objects;
  const objects = Math.floor(Math.min(left.objects, left.bytes / average));
  if (config.level === 'hash' && objects >= 1) {
    return { ...base, samplePercent: (100 * objects) / tape.objects, recall: true, recalls: { objects, bytes: Math.ceil(objects * average) }, reason: `${why}; a smaller sample: the recall budget` };
  }
  return { ...base, level: 'manifest', samplePercent: 100, recall: false, recalls: nothing, reason: `${why}; without recall: the budget` };
}
