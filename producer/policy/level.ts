import type { BasepathSchedule } from '../../shared/config/config.js';
import type { BasepathFacts } from '../../shared/runs/basepath-facts.js';
import { formatBytes, formatDuration } from '../../shared/terminal/index.js';
import { hasFull, type FactsWithFull } from './basepath-now.js';

export type Level = 'full' | 'differential' | 'incremental';

export interface LevelChoice {
  readonly level: Level;
  readonly reason: string;
}

/** Which level a backup made now would have (pure): a full where there is none, where the last is too old or what came on top of it too much. */
export function chooseLevel(facts: BasepathFacts | null, policy: BasepathSchedule, nowMs: number): LevelChoice {
  if (!hasFull(facts)) return { level: 'full', reason: 'no sealed full' };
  const ageMs = nowMs - Date.parse(facts.full.capturedAt);
  if (ageMs >= policy.fullEveryMs) return { level: 'full', reason: `last full is ${formatDuration(ageMs)} old` };
  const grown = chainGrown(facts, policy);
  if (grown !== null) return { level: 'full', reason: grown };
  return { level: policy.level, reason: `last full is ${formatDuration(ageMs)} old, with ${facts.chain.length} of at most ${policy.maxChain} backups on top` };
}

/** Below this a chain is replayed in a second, and what dar adds to every archive says nothing about how much has changed. */
const SMALL_CHAIN_BYTES = 16 * 1024 ** 2;

/** What may be saved on top of this full before a new one is made, bytes. */
export function mostOnTop({ archiveBytes }: FactsWithFull['full'], { maxDifferentialShare }: BasepathSchedule): number {
  return Math.max(archiveBytes * maxDifferentialShare, SMALL_CHAIN_BYTES);
}

/** Why the chain is to begin anew, or null. */
export function chainGrown(facts: FactsWithFull, policy: BasepathSchedule): string | null {
  const { full, chain } = facts;
  const { maxChain, maxDifferentialShare } = policy;
  if (chain.length >= maxChain) return `backups on top of the last full: ${chain.length} (maxChain ${maxChain})`;
  if (chain.length === 0 || chain.archiveBytes <= mostOnTop(full, policy)) return null;
  const share = full.archiveBytes === 0 ? 'more than all' : `${Math.round((100 * chain.archiveBytes) / full.archiveBytes)} %`;
  const allowed = `${Math.round(100 * maxDifferentialShare)} %`;
  return `saved since the last full: ${formatBytes(chain.archiveBytes)}, ${share} of it (maxDifferentialShare ${allowed})`;
}
