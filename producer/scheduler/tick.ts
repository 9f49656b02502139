import type { BasepathRegistry, Assigned } from '../../shared/basepaths/index.js';
import type { Config, TopdirConfig } from '../../shared/config/config.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import type { Journal } from '../../shared/journal/index.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { newestOf } from '../../shared/runs/newest.js';
import { decideDue } from '../policy/due.js';
import { findBasepaths } from '../scan/find-basepaths.js';
import { enqueueBackup, inFlightId, type Enqueued } from './enqueue.js';
import { openGate } from './hook-gate.js';

export interface TickParts {
  readonly config: Config;
  readonly queues: QueueSet;
  readonly journal: Journal;
  readonly registry: BasepathRegistry;
  readonly now: () => number;
}

export interface TopdirReport {
  readonly topdir: string;
  readonly found: number;
  readonly added: number;
  readonly deleted: number;
  readonly enqueued: readonly Enqueued[];
  /** Why this topdir could not be treated; nothing of it was changed then. */
  readonly error: BwError | null;
}

/** One round of the producer: every topdir is scanned and what is due is enqueued. One topdir's failure does not stop the others. */
export async function tick(parts: TickParts): Promise<TopdirReport[]> {
  const reports: TopdirReport[] = [];
  for (const topdir of parts.config.topdirs) {
    try {
      reports.push(await treatTopdir(parts, topdir));
    } catch (thrown) {
      reports.push({ topdir: topdir.path, found: 0, added: 0, deleted: 0, enqueued: [], error: toBwError(thrown) });
    }
  }
  return reports;
}

async function treatTopdir(parts: TickParts, topdir: TopdirConfig): Promise<TopdirReport> {
  const assigned = await scanTopdir(parts, topdir);
  const deleted = await markDeleted(parts, topdir, new Set(assigned.map(({ record }) => record.basepathId)));
  const due = await dueOf(parts, topdir, assigned);
  if (due.length > 0) await openGate(parts.queues, topdir, new Date(parts.now()));
  const enqueued: Enqueued[] = [];
  for (const { basepathId, reason } of due) enqueued.push(await enqueueFull(parts, topdir, basepathId, reason));
  const added = assigned.filter(({ finding }) => finding === 'new').length;
  return { topdir: topdir.path, found: assigned.length, added, deleted, enqueued, error: null };
}

/** Finds a topdir's basepaths and gives new ones their ids. */
export async function scanTopdir(parts: Pick<TickParts, 'registry' | 'journal'>, topdir: TopdirConfig): Promise<Assigned[]> {
  const found = await findBasepaths(topdir);
  const entries = found.map(({ relative, inode, ownerUid }) => ({
    topdir: topdir.path,
    relativePath: relative,
    path: bytePath.join(bytePath.fromText(topdir.path), relative),
    rootInode: inode,
    owner: ownerUid,
  }));
  return parts.registry.assignAll(entries, parts.journal);
}

/** findBasepaths refuses an empty topdir, so an unmounted one never looks as if all its basepaths were deleted. */
async function markDeleted(parts: TickParts, topdir: TopdirConfig, present: ReadonlySet<string>): Promise<number> {
  const gone = [...parts.registry.all()].filter((record) => record.topdir === topdir.path && !present.has(record.basepathId));
  const ids = gone.map((record) => record.basepathId);
  return (await parts.registry.markDeleted(ids, new Date(parts.now()), parts.journal)).length;
}

async function dueOf(parts: TickParts, topdir: TopdirConfig, assigned: readonly Assigned[]): Promise<{ basepathId: string; reason: string }[]> {
  const due: { basepathId: string; reason: string }[] = [];
  for (const { record } of assigned) {
    const { basepathId } = record;
    const newest = await newestOf(parts.queues.redis, basepathId);
    const inFlight = await parts.queues.backup.getDeduplicationJobId(inFlightId('full', basepathId));
    const lastFullAtMs = newest?.fullCapturedAt == null ? null : Date.parse(newest.fullCapturedAt);
    const facts = { basepathId, lastFullAtMs, fullInFlight: inFlight !== null };
    const decision = decideDue(facts, topdir.schedule, parts.now());
    if (decision.due) due.push({ basepathId, reason: decision.reason });
  }
  return due;
}

async function enqueueFull(parts: TickParts, topdir: TopdirConfig, basepathId: string, reason: string): Promise<Enqueued> {
  const record = parts.registry.byId(basepathId);
  if (record === undefined) throw new Error(`basepath ${basepathId} vanished from the registry`);
  const request = {
    basepathId,
    topdir: topdir.path,
    path: record.path,
    level: 'full' as const,
    priorityClass: 'full' as const,
    policyHash: parts.config.policyHash,
    reason,
    acceptSource: false,
  };
  return enqueueBackup(parts.queues, request, parts.now());
}
