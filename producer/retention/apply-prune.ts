import type { Burial, BuryRequest } from '../../shared/catalog/index.js';
import type { Journal } from '../../shared/journal/index.js';
import { CLEANUP_PRIORITY } from '../../shared/queues/priorities.js';
import { JOB_VERSION, type EraseJob } from '../../shared/queues/job-data.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { readProtections } from '../../shared/retention/protections.js';
import { refreshNewest } from '../../shared/runs/newest.js';
import { orderKitRefresh } from '../../shared/runs/order-kit.js';
import type { BasepathPrune, PruneParts, PrunePlan } from './prune.js';

export interface ApplyParts extends PruneParts {
  readonly journal: Journal;
  readonly queues: QueueSet;
}

export interface PruneResult {
  /** Got their tombstone. */
  readonly removed: readonly string[];
  /** Were to be removed, but something needs them: id -> what. */
  readonly withheld: ReadonlyMap<string, string>;
  /** Came back, as a living backup needs them. */
  readonly mended: readonly string[];
  /** Given to the eraser. */
  readonly erasing: number;
}

/** Basepaths whose tombstones are given before claims are asked for once. */
const BURY_AT_ONCE = 100;
/** Backups of one job: its journal is read once for all of them. */
const ERASE_AT_ONCE = 100;

/** Carries out what does not wait: tombstones now, erasures as jobs. Safe to be cut off, to be repeated, and to run twice at once. */
export async function applyPrune(parts: ApplyParts, plan: PrunePlan): Promise<PruneResult> {
  const mended = await mend(parts, plan);
  const going = new Set(plan.topdirs.filter(({ waits }) => waits === null).map(({ topdir }) => topdir.path));
  const removed = new Set<string>();
  const withheld = new Map<string, string>();
  const basepaths = plan.basepaths.filter(({ topdir }) => going.has(topdir.path));
  for (let at = 0; at < basepaths.length; at += BURY_AT_ONCE) {
    for (const { buried, withheld: needed } of await buryAll(parts, basepaths.slice(at, at + BURY_AT_ONCE))) {
      for (const id of buried) removed.add(id);
      for (const [id, why] of needed) withheld.set(id, why);
    }
  }
  await takeBackHeld(parts, plan, removed, withheld);
  if (plan.wholeTopdirs) await recordPruned(parts, plan, removed);
  if (removed.size + mended.length > 0) await orderKitRefresh(parts.queues);
  return { removed: [...removed], withheld, mended, erasing: await orderErasures(parts, plan.erase) };
}

/** Under which retention a topdir was pruned: a change of it is noticed by the next prune. */
async function recordPruned({ journal }: ApplyParts, plan: PrunePlan, removed: ReadonlySet<string>): Promise<void> {
  for (const { topdir, policy, waits, accepted } of plan.topdirs) {
    const ids = plan.basepaths.flatMap((each) => (each.topdir.path === topdir.path ? each.remove : []));
    if (waits === null) await journal.append({ kind: 'pruned', topdir: topdir.path, policy, removed: ids.filter((id) => removed.has(id)).length, accepted });
  }
}

async function buryAll(parts: ApplyParts, basepaths: readonly BasepathPrune[]): Promise<Burial[]> {
  const requests = basepaths.map((basepath) => requestOf(basepath, parts.now()));
  const burials = await parts.catalog.graves.buryAll(requests, parts.claims);
  for (const [at, { basepathId, buried }] of burials.entries()) {
    const { reason = '', eraseAfter = '' } = requests[at]?.tombstone ?? {};
    await parts.journal.appendAll(buried.map((backupId) => ({ kind: 'removed' as const, backupId, basepathId, reason, eraseAfter })));
    if (buried.length > 0) await refreshNewest(parts.queues.redis, parts.catalog, basepathId, parts.onProblem);
  }
  return burials;
}

function requestOf({ basepathId, retention, remove, decisions }: BasepathPrune, nowMs: number): BuryRequest {
  const reason = decisions.find(({ keep }) => !keep)?.reasons[0] ?? '';
  const eraseAfter = new Date(nowMs + retention.gracePeriodMs).toISOString();
  return { basepathId, backupIds: remove, tombstone: { removedAt: new Date(nowMs).toISOString(), eraseAfter, reason } };
}

/** A hold that came while tombstones were given: whoever holds looks for tombstones afterwards, we look for holds, so one of the two sees the other. */
async function takeBackHeld(parts: ApplyParts, plan: PrunePlan, removed: Set<string>, withheld: Map<string, string>): Promise<void> {
  if (removed.size === 0) return;
  const now = await readProtections(parts.catalog.journalDir, parts.onProblem);
  for (const { basepathId, remove } of plan.basepaths) {
    for (const backupId of remove) {
      const hold = now.holdOf(basepathId, backupId);
      if (hold === null || !removed.has(backupId)) continue;
      for (const id of await bringBack(parts, basepathId, backupId)) {
        removed.delete(id);
        withheld.set(id, `held: ${hold}`);
      }
    }
  }
}

async function mend(parts: ApplyParts, plan: PrunePlan): Promise<string[]> {
  const mended: string[] = [];
  for (const { basepathId, backupId } of plan.mend) mended.push(...(await bringBack(parts, basepathId, backupId)));
  return mended;
}

/** Undeletes a backup and its ancestors, on record. Throws UNDELETE_ERASED. */
export async function bringBack(parts: Pick<ApplyParts, 'catalog' | 'journal' | 'queues' | 'onProblem'>, basepathId: string, backupId: string, user?: string): Promise<string[]> {
  const back = await parts.catalog.graves.undelete(basepathId, backupId);
  await parts.journal.appendAll(back.map((id) => ({ kind: 'undeleted' as const, backupId: id, basepathId, ...(user === undefined ? {} : { user }) })));
  await refreshNewest(parts.queues.redis, parts.catalog, basepathId, parts.onProblem);
  return back;
}

/** One that failed is ordered again by the next prune. */
async function orderErasures({ queues }: ApplyParts, erase: PrunePlan['erase']): Promise<number> {
  const backups = erase.map(({ basepathId, backupId }) => ({ basepathId, backupId }));
  for (let at = 0; at < backups.length; at += ERASE_AT_ONCE) {
    const data: EraseJob = { v: JOB_VERSION, backups: backups.slice(at, at + ERASE_AT_ONCE) };
    const jobId = `erase.${data.backups[0]?.backupId ?? ''}`;
    await queues.erasing.add('erase', data, { jobId, priority: CLEANUP_PRIORITY, removeOnComplete: true, removeOnFail: true });
  }
  return backups.length;
}
