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
import { throughGate } from './hook-gate.js';

export interface TickParts {
  readonly config: Pick<Config, 'topdirs' | 'policyHash'>;
  readonly queues: QueueSet;
  readonly journal: Journal;
  readonly registry: BasepathRegistry;
  readonly now: () => number;
  /** Ends scans and hooks: the process is to end. */
  readonly signal?: AbortSignal;
}

export interface TopdirReport {
  readonly topdir: string;
  readonly found: number;
  readonly added: number;
  readonly deleted: number;
  readonly enqueued: readonly (Enqueued & { readonly basepathId: string })[];
  /** Fulls that were waiting or running before this round. */
  readonly inFlight: readonly { readonly basepathId: string; readonly jobId: string }[];
  /** Why this topdir could not be treated; nothing of it was enqueued then. */
  readonly error: BwError | null;
}

/** One round of the producer: every topdir is scanned and what is due is enqueued. One topdir's failure does not stop the others. */
export async function tick(parts: TickParts): Promise<TopdirReport[]> {
  const reports: TopdirReport[] = [];
  for (const topdir of parts.config.topdirs) {
    if (parts.signal?.aborted === true) break;
    try {
      reports.push(await treatTopdir(parts, topdir));
    } catch (thrown) {
      reports.push({ topdir: topdir.path, found: 0, added: 0, deleted: 0, enqueued: [], inFlight: [], error: toBwError(thrown) });
    }
  }
  return reports;
}

async function treatTopdir(parts: TickParts, topdir: TopdirConfig): Promise<TopdirReport> {
  const assigned = await scanTopdir(parts, topdir);
  const deleted = await markDeleted(parts, topdir, new Set(assigned.map(({ record }) => record.basepathId)));
  const { due, inFlight } = await decide(parts, topdir, assigned);
  const enqueued = due.length === 0 ? [] : await enqueueDue(parts, topdir, due);
  const added = assigned.filter(({ finding }) => finding === 'new' || finding === 'reused').length;
  return { topdir: topdir.path, found: assigned.length, added, deleted, enqueued, inFlight, error: null };
}

/** Finds a topdir's basepaths and gives new ones their ids. */
export async function scanTopdir(parts: Pick<TickParts, 'registry' | 'journal' | 'signal'>, topdir: TopdirConfig): Promise<Assigned[]> {
  const found = await findBasepaths(topdir, parts.signal);
  const entries = found.map(({ relative, inode, ownerUid, filesystem }) => ({
    topdir: topdir.path,
    relativePath: relative,
    path: bytePath.join(bytePath.fromText(topdir.path), relative),
    rootInode: inode,
    owner: ownerUid,
    filesystem,
  }));
  return parts.registry.assignAll(entries, parts.journal);
}

/** findBasepaths refuses an empty topdir, so an unmounted one never looks as if all its basepaths were deleted. */
async function markDeleted(parts: TickParts, topdir: TopdirConfig, present: ReadonlySet<string>): Promise<number> {
  const gone = [...parts.registry.all()].filter((record) => record.topdir === topdir.path && !present.has(record.basepathId));
  const ids = gone.map((record) => record.basepathId);
  return (await parts.registry.markDeleted(ids, new Date(parts.now()), parts.journal)).length;
}

interface Due {
  readonly basepathId: string;
  readonly reason: string;
}

async function decide(parts: TickParts, topdir: TopdirConfig, assigned: readonly Assigned[]): Promise<{ due: Due[]; inFlight: TopdirReport['inFlight'] }> {
  const due: Due[] = [];
  const inFlight: { basepathId: string; jobId: string }[] = [];
  for (const { record } of assigned) {
    const { basepathId } = record;
    const newest = await newestOf(parts.queues.redis, basepathId);
    const jobId = await parts.queues.backup.getDeduplicationJobId(inFlightId('full', basepathId));
    if (jobId !== null) inFlight.push({ basepathId, jobId });
    const fullAt = newest?.fullCapturedAt ?? null;
    const lastFullAtMs = fullAt === null ? null : Date.parse(fullAt);
    const decision = decideDue({ basepathId, lastFullAtMs, fullInFlight: jobId !== null }, topdir.schedule, parts.now());
    if (decision.due) due.push({ basepathId, reason: decision.reason });
  }
  return { due, inFlight };
}

async function enqueueDue(parts: TickParts, topdir: TopdirConfig, due: readonly Due[]): Promise<TopdirReport['enqueued']> {
  const gate = { topdir, basepathIds: due.map(({ basepathId }) => basepathId), now: new Date(parts.now()), signal: parts.signal };
  return throughGate(parts.queues, gate, async () => {
    const enqueued: (Enqueued & { basepathId: string })[] = [];
    for (const { basepathId, reason } of due) enqueued.push({ basepathId, ...(await enqueueFull(parts, topdir, basepathId, reason)) });
    return enqueued;
  });
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
