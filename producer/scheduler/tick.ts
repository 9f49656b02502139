import type { BasepathRecord, BasepathRegistry, Assigned } from '../../shared/basepaths/index.js';
import type { Catalog } from '../../shared/catalog/index.js';
import type { Config, EventKind, TopdirConfig } from '../../shared/config/config.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import type { Journal } from '../../shared/journal/index.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { BasepathNow } from '../policy/basepath-now.js';
import { decideTopdir, type TopdirDecision } from '../policy/decide.js';
import { pastDueFor } from '../policy/past-due.js';
import type { Level } from '../policy/level.js';
import type { Verdict } from '../policy/verdict.js';
import { findBasepaths } from '../scan/find-basepaths.js';
import { ageWaiting } from './age-waiting.js';
import { enqueueBackup, type Enqueued } from './enqueue.js';
import { readFullDay, writeFullDay } from './full-days.js';
import { gather } from './gather.js';
import { throughGate } from './hook-gate.js';

export interface TickParts {
  readonly config: Pick<Config, 'topdirs' | 'policyHash'>;
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  readonly journal: Journal;
  readonly registry: BasepathRegistry;
  readonly now: () => number;
  readonly onProblem: (error: BwError) => void;
  /** Ends scans and hooks: the process is to end. */
  readonly signal?: AbortSignal;
}

export interface EnqueuedBackup extends Enqueued {
  readonly basepathId: string;
  readonly level: Level;
  readonly reason: string;
}

export interface TopdirReport {
  readonly topdir: string;
  readonly events: readonly EventKind[];
  readonly found: number;
  readonly added: number;
  readonly deleted: number;
  readonly enqueued: readonly EnqueuedBackup[];
  /** Backups that were waiting or running before this round. */
  readonly inFlight: readonly { readonly basepathId: string; readonly jobId: string }[];
  /** Backups that are due and kept back. */
  readonly held: number;
  /** Why incrementals wait for fulls, or null: then it is worth looking again soon. */
  readonly gate: string | null;
  /** Basepaths past due, when the events ask for them. */
  readonly pastDue: readonly { readonly basepathId: string; readonly lateMs: number }[];
  /** Why this topdir could not be treated; nothing of it was enqueued then. */
  readonly error: BwError | null;
}

export const ALL_EVENTS: readonly EventKind[] = ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'];

/**
 * One round of the producer: what the events of each topdir ask for, by default all. One topdir's failure does not stop the others.
 */
export async function tick(parts: TickParts, eventsOf: (topdir: TopdirConfig) => readonly EventKind[] = () => ALL_EVENTS): Promise<TopdirReport[]> {
  const reports: TopdirReport[] = [];
  for (const topdir of parts.config.topdirs) {
    if (parts.signal?.aborted === true) break;
    const events = eventsOf(topdir);
    if (events.length === 0) continue;
    try {
      reports.push(await treatTopdir(parts, topdir, events));
    } catch (thrown) {
      const none = { found: 0, added: 0, deleted: 0, enqueued: [], inFlight: [], held: 0, gate: null, pastDue: [] };
      reports.push({ topdir: topdir.path, events, ...none, error: toBwError(thrown) });
    }
  }
  return reports;
}

async function treatTopdir(parts: TickParts, topdir: TopdirConfig, events: readonly EventKind[]): Promise<TopdirReport> {
  const { records, added, deleted } = events.includes('scan') ? await scanAndMark(parts, topdir) : { records: parts.registry.presentIn(topdir.path), added: 0, deleted: 0 };
  const basepaths = await gather(parts, topdir, records);
  const nowMs = parts.now();
  const day = await readFullDay(parts.queues.redis, topdir.path);
  const decided = decideTopdir({ schedule: topdir.schedule, basepaths, events: new Set(events), day, nowMs });
  const enqueued = await enqueueDue(parts, topdir, decided);
  await writeFullDay(parts.queues.redis, topdir.path, decided.day);
  await ageWaiting(parts.queues, basepaths, decided.basepaths);
  const verdicts = decided.basepaths.flatMap(({ full, other }) => [full, other]);
  return {
    topdir: topdir.path,
    events,
    found: records.length,
    added,
    deleted,
    enqueued,
    inFlight: basepaths.flatMap(({ basepathId, full, other }) => [full, other].flatMap((each) => (each === null ? [] : [{ basepathId, jobId: each.jobId }]))),
    held: verdicts.filter(({ act }) => act === 'hold').length,
    gate: decided.gate,
    pastDue: events.includes('pastDue') ? pastDueOf(parts, basepaths, nowMs) : [],
    error: null,
  };
}

async function scanAndMark(parts: TickParts, topdir: TopdirConfig): Promise<{ records: BasepathRecord[]; added: number; deleted: number }> {
  const assigned = await scanTopdir(parts, topdir);
  const records = assigned.map(({ record }) => record);
  const deleted = await markDeleted(parts, topdir, new Set(records.map(({ basepathId }) => basepathId)));
  return { records, added: assigned.filter(({ finding }) => finding === 'new' || finding === 'reused').length, deleted };
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

type Due = { readonly basepathId: string } & Extract<Verdict, { act: 'enqueue' }>;

async function enqueueDue(parts: TickParts, topdir: TopdirConfig, { basepaths }: TopdirDecision): Promise<EnqueuedBackup[]> {
  const due = basepaths.flatMap(({ basepathId, full, other }) => [full, other].flatMap((each): Due[] => (each.act === 'enqueue' ? [{ basepathId, ...each }] : [])));
  if (due.length === 0) return [];
  const gate = { topdir, basepathIds: [...new Set(due.map(({ basepathId }) => basepathId))], signal: parts.signal };
  return throughGate(parts.queues, gate, async () => {
    const enqueued: EnqueuedBackup[] = [];
    for (const each of due) enqueued.push({ basepathId: each.basepathId, level: each.level, reason: each.reason, ...(await enqueueOne(parts, topdir, each)) });
    return enqueued;
  });
}

async function enqueueOne(parts: TickParts, topdir: TopdirConfig, { basepathId, level, priorityClass, missed, reason }: Due): Promise<Enqueued> {
  const record = parts.registry.byId(basepathId);
  if (record === undefined) throw new Error(`basepath ${basepathId} vanished from the registry`);
  const { policyHash } = parts.config;
  const request = { basepathId, topdir: topdir.path, path: record.path, level, priorityClass, missed, policyHash, reason, acceptSource: false };
  return enqueueBackup(parts.queues, request, parts.now());
}

function pastDueOf({ registry }: TickParts, basepaths: readonly BasepathNow[], nowMs: number): TopdirReport['pastDue'] {
  return basepaths.flatMap(({ basepathId, facts, policy }) => {
    const lastSealedMs = facts === null ? null : Date.parse(facts.capturedAt);
    const lateMs = pastDueFor({ lastSealedMs, foundMs: registry.foundMs(basepathId) }, policy.pastDueMs, nowMs);
    return lateMs === null ? [] : [{ basepathId, lateMs }];
  });
}
