import { fullIdOf } from '../../shared/catalog/chain.js';
import type { RetentionDecision } from './retention.js';

/** A full and everything that needs it: what can be given up together. */
export interface Chain {
  readonly basepathId: string;
  /** As captured, the full first. */
  readonly backupIds: readonly string[];
  readonly newestCapturedAtMs: number;
  readonly bytes: bigint;
}

export interface PricedBackup {
  readonly backupId: string;
  readonly parent: string | null;
  readonly capturedAtMs: number;
  readonly bytes: bigint;
}

/** Reasons that are rules: an operator may give up what only they keep. Running work (readClaims) is none. */
const RULES = /^(last |within |day |week |month |year |needed by (?!running |restore |consolidation )|no keep rule)/;

/** Chains of a basepath that nothing but rules keeps: not the newest, nor one with a hold, a claim or something to be accepted (pure). */
export function sparableChains(basepathId: string, backups: readonly PricedBackup[], decisions: readonly RetentionDecision[]): Chain[] {
  const known = new Map(backups.map((backup) => [backup.backupId, backup]));
  const reasons = new Map(decisions.map(({ backupId, reasons: why }) => [backupId, why]));
  const chains = new Map<string, PricedBackup[]>();
  for (const backup of backups) {
    const full = fullIdOf(backup, known);
    if (full !== null) chains.set(full, [...(chains.get(full) ?? []), backup]);
  }
  const removed = new Set(decisions.flatMap(({ backupId, keep }) => (keep ? [] : [backupId])));
  return [...chains.values()].flatMap((members) => {
    const kept = members.filter(({ backupId }) => !removed.has(backupId));
    const spared = kept.every(({ backupId }) => (reasons.get(backupId) ?? []).every((why) => RULES.test(why)));
    return kept.length > 0 && spared ? [chainOf(basepathId, kept)] : [];
  });
}

function chainOf(basepathId: string, members: readonly PricedBackup[]): Chain {
  const ordered = [...members].sort((a, b) => a.capturedAtMs - b.capturedAtMs || (a.backupId < b.backupId ? -1 : 1));
  const bytes = ordered.reduce((sum, each) => sum + each.bytes, 0n);
  return { basepathId, backupIds: ordered.map(({ backupId }) => backupId), newestCapturedAtMs: ordered.at(-1)?.capturedAtMs ?? 0, bytes };
}

/** Which of them would have to go for so many bytes: those whose newest state is oldest, first (pure). */
export function chainsToFree(chains: readonly Chain[], wanted: bigint): Chain[] {
  const chosen: Chain[] = [];
  let freed = 0n;
  for (const chain of [...chains].sort((a, b) => a.newestCapturedAtMs - b.newestCapturedAtMs || (a.basepathId < b.basepathId ? -1 : 1))) {
    if (freed >= wanted) break;
    chosen.push(chain);
    freed += chain.bytes;
  }
  return chosen;
}
