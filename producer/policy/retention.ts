import type { RetentionConfig } from '../../shared/config/config.js';
import { Calendar, type Period } from './calendar.js';

/** What a decision about one backup rests on. Times are ms since the epoch. */
export interface RetainedBackup {
  readonly backupId: string;
  readonly level: 'full' | 'differential' | 'incremental';
  readonly parent: string | null;
  readonly capturedAtMs: number;
  /** Sealed flagged: much less was there than before. */
  readonly shrunk: boolean;
  /** Made elsewhere: it covers nothing, so that the newest full of ours and the newest backup of ours are kept besides. */
  readonly imported?: boolean;
}

/** Of one basepath; all its sealed backups without tombstone. */
export interface RetentionFacts {
  readonly backups: readonly RetainedBackup[];
  /** A scan found the directory gone, or another one in its place; null while it is there. */
  readonly deletedAtMs: number | null;
  /** Reason of a hold on the whole basepath. */
  readonly held: string | null;
  /** Holds on single backups: id -> reason. */
  readonly heldBackups: ReadonlyMap<string, string>;
  /** Shrunk backups an operator has accepted. */
  readonly accepted: ReadonlySet<string>;
  /** Backups that were brought back, and when. */
  readonly undeletedAtMs: ReadonlyMap<string, number>;
  /** Backups that running work needs: id -> why. */
  readonly claims: ReadonlyMap<string, string>;
}

export interface RetentionDecision {
  readonly backupId: string;
  readonly keep: boolean;
  /** Every rule that keeps it; or the one reason why it goes. */
  readonly reasons: readonly string[];
}

/**
 * Which backups of a basepath are kept, and why (pure), newest capture first. Chain-safe (invariant 3): what a kept one needs is kept, the newest backup and
 * the newest full always are while the basepath is there, and so is what was before a shrunk one until that is accepted.
 */
export function decideRetention(facts: RetentionFacts, policy: RetentionConfig, nowMs: number): RetentionDecision[] {
  const newestFirst = [...facts.backups].sort(byCapture);
  const reasons = new Map<string, string[]>(newestFirst.map(({ backupId }) => [backupId, []]));
  const keep = (backupId: string, why: string): void => void reasons.get(backupId)?.push(why);
  keepProtected(facts, policy, nowMs, keep);
  keepUnaccepted(facts, newestFirst, keep);
  const gone = goneReason(facts, policy, nowMs);
  if (gone === null) keepByRules(newestFirst, facts, policy, nowMs, keep);
  keepAncestors(newestFirst, reasons);
  return newestFirst.map(({ backupId }) => {
    const why = reasons.get(backupId) ?? [];
    return why.length > 0 ? { backupId, keep: true, reasons: why } : { backupId, keep: false, reasons: [gone ?? 'no rule keeps it'] };
  });
}

/** The ids to be removed, each before its parent, so that a crash in between leaves no backup whose parent is gone (pure). */
export function childrenFirst(backups: readonly Pick<RetainedBackup, 'backupId' | 'parent'>[], remove: ReadonlySet<string>): string[] {
  const known = new Map(backups.map((backup) => [backup.backupId, backup]));
  const depth = (backup: Pick<RetainedBackup, 'backupId' | 'parent'>): number => {
    let steps = 0;
    for (let at = backup.parent; at !== null && steps <= known.size; at = known.get(at)?.parent ?? null) steps++;
    return steps;
  };
  const chosen = backups.filter(({ backupId }) => remove.has(backupId)).map((backup) => ({ id: backup.backupId, depth: depth(backup) }));
  return chosen.sort((a, b) => b.depth - a.depth || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
}

type Keep = (backupId: string, why: string) => void;

function keepProtected(facts: RetentionFacts, policy: RetentionConfig, nowMs: number, keep: Keep): void {
  for (const { backupId } of facts.backups) {
    if (facts.held !== null) keep(backupId, `basepath held: ${facts.held}`);
    const held = facts.heldBackups.get(backupId);
    if (held !== undefined) keep(backupId, `held: ${held}`);
    const claim = facts.claims.get(backupId);
    if (claim !== undefined) keep(backupId, claim);
    const undeleted = facts.undeletedAtMs.get(backupId);
    if (undeleted !== undefined && nowMs - undeleted < policy.gracePeriodMs) keep(backupId, `undeleted, kept until ${day(undeleted + policy.gracePeriodMs)}`);
  }
}

/**
 * A shrunk backup may be the first of a basepath that lost its files: it and the last one before it stay. The flagged one too, as nothing else
 * remembers that nobody accepted it.
 */
function keepUnaccepted({ accepted }: RetentionFacts, newestFirst: readonly RetainedBackup[], keep: Keep): void {
  const open = (backup: RetainedBackup): boolean => backup.shrunk && !accepted.has(backup.backupId);
  newestFirst.forEach((backup, at) => {
    if (!open(backup)) return;
    keep(backup.backupId, 'shrunk, not accepted');
    const before = newestFirst.slice(at + 1).find((older) => !open(older));
    if (before !== undefined) keep(before.backupId, `before ${backup.backupId}, which shrunk and is not accepted`);
  });
}

/** Why everything of a basepath goes that nothing protects; null while its directory is there, or its time is not over. */
function goneReason({ deletedAtMs }: RetentionFacts, { deletedBasepathsMs }: RetentionConfig, nowMs: number): string | null {
  if (deletedAtMs === null || deletedBasepathsMs === null || nowMs - deletedAtMs < deletedBasepathsMs) return null;
  return `basepath gone since ${day(deletedAtMs)}`;
}

function keepByRules(newestFirst: readonly RetainedBackup[], facts: RetentionFacts, policy: RetentionConfig, nowMs: number, keep: Keep): void {
  const { deletedAtMs } = facts;
  if (deletedAtMs !== null) {
    const until = policy.deletedBasepathsMs === null ? 'for ever' : `until ${day(deletedAtMs + policy.deletedBasepathsMs)}`;
    for (const { backupId } of newestFirst) keep(backupId, `basepath gone since ${day(deletedAtMs)}, kept ${until}`);
    return;
  }
  const ours = newestFirst.filter(({ imported }) => imported !== true);
  const newest = ours[0] ?? newestFirst[0];
  const full = ours.find(({ level }) => level === 'full');
  if (newest !== undefined) keep(newest.backupId, 'newest');
  if (full !== undefined) keep(full.backupId, 'newest full');
  const { keepLast, keepWithinMs } = policy;
  if (!hasRule(policy)) for (const { backupId } of newestFirst) keep(backupId, 'no keep rule is configured');
  newestFirst.slice(0, keepLast ?? 0).forEach(({ backupId }, at) => { keep(backupId, `last ${at + 1} of ${keepLast ?? 0}`); });
  for (const { backupId, capturedAtMs } of newestFirst) if (keepWithinMs !== null && nowMs - capturedAtMs <= keepWithinMs) keep(backupId, `within ${span(keepWithinMs)}`);
  const calendar = new Calendar(policy.timezone);
  for (const [period, count] of periodRules(policy)) keepPerPeriod(newestFirst, calendar, period, count, keep);
}

/** Whether anything is ever removed of a basepath that is there. */
export function hasRule(policy: RetentionConfig): boolean {
  return policy.keepLast !== null || policy.keepWithinMs !== null || periodRules(policy).length > 0;
}

function periodRules({ keepDaily, keepWeekly, keepMonthly, keepYearly }: RetentionConfig): [Period, number][] {
  const rules: [Period, number | null][] = [['day', keepDaily], ['week', keepWeekly], ['month', keepMonthly], ['year', keepYearly]];
  return rules.filter((rule): rule is [Period, number] => rule[1] !== null);
}

/** The newest backup of each period that has one, up to `count` periods: a time without backups takes nothing away. */
function keepPerPeriod(newestFirst: readonly RetainedBackup[], calendar: Calendar, period: Period, count: number, keep: Keep): void {
  let last: string | null = null;
  let kept = 0;
  for (const { backupId, capturedAtMs } of newestFirst) {
    const name = calendar.nameOf(period, capturedAtMs);
    if (name === last) continue;
    last = name;
    if (++kept > count) return;
    keep(backupId, `${period} ${name}`);
  }
}

/** A chain that is broken protects what is left of it. */
function keepAncestors(newestFirst: readonly RetainedBackup[], reasons: ReadonlyMap<string, string[]>): void {
  const known = new Map(newestFirst.map((backup) => [backup.backupId, backup]));
  const kept = newestFirst.filter(({ backupId }) => (reasons.get(backupId)?.length ?? 0) > 0);
  // Of all that need an ancestor, the newest one says enough.
  const reached = new Set<string>();
  for (const backup of kept) {
    for (let at = parentOf(backup, known); at !== undefined && !reached.has(at.backupId); at = parentOf(at, known)) {
      reached.add(at.backupId);
      reasons.get(at.backupId)?.push(`needed by ${backup.backupId}`);
    }
  }
}

function parentOf({ parent }: RetainedBackup, known: ReadonlyMap<string, RetainedBackup>): RetainedBackup | undefined {
  return parent === null ? undefined : known.get(parent);
}

function byCapture(a: RetainedBackup, b: RetainedBackup): number {
  return b.capturedAtMs - a.capturedAtMs || (a.backupId < b.backupId ? 1 : -1);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function span(ms: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const;
  const [unit, factor] = units.find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
