import { createHash } from 'node:crypto';
import type { BasepathRegistry } from '../../shared/basepaths/index.js';
import type { Catalog, RemovedBackup } from '../../shared/catalog/index.js';
import type { Config, RetentionConfig, TopdirConfig } from '../../shared/config/config.js';
import { canonicalJson } from '../../shared/config/policy-hash.js';
import type { BwError } from '../../shared/errors/bw-error.js';
import { readJournal, type JournalProblem } from '../../shared/journal/index.js';
import { readProtections, type Protections } from '../../shared/retention/protections.js';
import { retentionOf } from '../policy/basepath-policy.js';
import { pruneWaits } from '../policy/prune-guard.js';
import { childrenFirst, decideRetention, type RetentionDecision } from '../policy/retention.js';
import { basepathsOf, retentionFacts, type BasepathBackups } from './site-facts.js';

export interface PruneParts {
  readonly config: Pick<Config, 'topdirs'>;
  readonly catalog: Catalog;
  readonly registry: BasepathRegistry;
  readonly now: () => number;
  /** Backups that running work needs; none where nothing can be known of it (a dry run without Redis). */
  readonly claims: () => Promise<ReadonlyMap<string, string>>;
  readonly onProblem: (problem: JournalProblem | BwError) => void;
}

export interface PruneScope {
  readonly basepathId?: string;
  /** Path of a configured topdir. */
  readonly topdir?: string;
  /** An operator has seen what goes, and wants it. */
  readonly accept: boolean;
}

/** What is to be done about one basepath. */
export interface BasepathPrune extends BasepathBackups {
  readonly topdir: TopdirConfig;
  readonly retention: RetentionConfig;
  readonly decisions: readonly RetentionDecision[];
  /** Children before their parents. */
  readonly remove: readonly string[];
}

export interface TopdirPrune {
  readonly topdir: TopdirConfig;
  readonly policy: string;
  readonly backups: number;
  readonly remove: number;
  readonly removeBytes: bigint;
  /** Why nothing of it is removed before `--accept`; null = nothing to wait for. */
  readonly waits: string | null;
  readonly accepted: boolean;
}

export interface PrunePlan {
  readonly topdirs: readonly TopdirPrune[];
  /** Those of which something is to be removed. */
  readonly basepaths: readonly BasepathPrune[];
  /** With a tombstone that is over and not held. */
  readonly erase: readonly RemovedBackup[];
  /** Tombstoned backups that a living one needs: a crash cut an earlier prune off. */
  readonly mend: readonly RemovedBackup[];
  /** False when only one basepath was looked at. */
  readonly wholeTopdirs: boolean;
}

/** Decides about every basepath in scope; each decision is shown to `onBasepath` as it is made. Changes nothing. */
export async function planPrune(parts: PruneParts, scope: PruneScope, onBasepath: (basepath: BasepathPrune) => void = () => undefined): Promise<PrunePlan> {
  const { journalDir } = parts.catalog;
  const protections = await readProtections(journalDir, parts.onProblem);
  const claims = await parts.claims();
  const tallies = new Map<string, Tally>();
  const basepaths: BasepathPrune[] = [];
  const erase: RemovedBackup[] = [];
  const mend: RemovedBackup[] = [];
  for await (const basepath of basepathsOf(parts, scope.basepathId)) {
    if (scope.topdir !== undefined && basepath.topdir?.path !== scope.topdir) continue;
    mend.push(...neededRemoved(basepath));
    erase.push(...basepath.removed.filter((removed) => isOver(removed, protections, parts.now())));
    if (basepath.topdir === null) continue;
    const decided = decide(basepath, basepath.topdir, protections, claims, parts.now());
    onBasepath(decided);
    addTo(tallies, decided);
    if (decided.remove.length > 0) basepaths.push(decided);
  }
  const lastPolicies = await readLastPolicies(journalDir, parts.onProblem);
  const topdirs = [...tallies.values()].map((tally) => judge(tally, scope, lastPolicies));
  return { topdirs, basepaths, erase: erase.filter((each) => !mend.includes(each)), mend, wholeTopdirs: scope.basepathId === undefined };
}

function decide(basepath: BasepathBackups, topdir: TopdirConfig, protections: Protections, claims: ReadonlyMap<string, string>, nowMs: number): BasepathPrune {
  const retention = basepath.path === null ? topdir.retention : retentionOf(topdir, basepath.path);
  const decisions = decideRetention(retentionFacts(basepath, protections, claims), retention, nowMs);
  const unknown = basepath.unreadable.length > 0;
  // Nobody knows what an unreadable backup needs, nor how new it is.
  const judged = unknown ? decisions.map(({ backupId, keep, reasons }) => ({ backupId, keep: true, reasons: keep ? reasons : ['a manifest of the basepath cannot be read'] })) : decisions;
  const gone = new Set(judged.flatMap(({ backupId, keep }) => (keep ? [] : [backupId])));
  return { ...basepath, topdir, retention, decisions: judged, remove: childrenFirst(basepath.backups, gone) };
}

interface Tally {
  readonly topdir: TopdirConfig;
  backups: number;
  remove: number;
  removeBytes: bigint;
}

function addTo(tallies: Map<string, Tally>, { topdir, backups, remove }: BasepathPrune): void {
  const tally = tallies.get(topdir.path) ?? { topdir, backups: 0, remove: 0, removeBytes: 0n };
  const gone = new Set(remove);
  tally.backups += backups.length;
  tally.remove += remove.length;
  for (const { backupId, bytes } of backups) if (gone.has(backupId)) tally.removeBytes += bytes;
  tallies.set(topdir.path, tally);
}

function judge(tally: Tally, scope: PruneScope, lastPolicies: ReadonlyMap<string, string>): TopdirPrune {
  const policy = retentionHash(tally.topdir);
  const lastPolicy = lastPolicies.get(tally.topdir.path) ?? null;
  const { backups, remove } = tally;
  const waits = pruneWaits({ backups, remove, policy, lastPolicy, maxRemoveShare: tally.topdir.retention.maxRemoveShare, accepted: scope.accept });
  return { ...tally, policy, waits, accepted: scope.accept };
}

/** Changes with the retention of the topdir, and of any basepath of its own. */
function retentionHash({ retention, basepaths }: TopdirConfig): string {
  const own = basepaths.map((each) => ({ path: each.path, retention: each.retention }));
  return createHash('sha256').update(canonicalJson({ retention, own })).digest('hex').slice(0, 16);
}

/** Topdir -> retention under which it was pruned last. */
async function readLastPolicies(journalDir: string, onProblem: PruneParts['onProblem']): Promise<Map<string, string>> {
  const last = new Map<string, string>();
  for await (const { topdir, policy } of readJournal(journalDir, { kinds: ['pruned'], onProblem })) last.set(topdir, policy);
  return last;
}

function neededRemoved({ backups, removed }: BasepathBackups): RemovedBackup[] {
  const needed = new Set(backups.map(({ parent }) => parent));
  return removed.filter(({ backupId, state }) => state === 'removed' && needed.has(backupId));
}

function isOver({ basepathId, backupId, state, tombstone }: RemovedBackup, protections: Protections, nowMs: number): boolean {
  if (state === 'erasing') return true;
  return tombstone !== null && Date.parse(tombstone.eraseAfter) <= nowMs && protections.holdOf(basepathId, backupId) === null;
}
