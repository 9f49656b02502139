import { join } from 'node:path';
import type { Job } from 'bullmq';
import { goalToNote } from '../../shared/copies/enough.js';
import { JOB_VERSION, type BackupJob, type ShardJob, type TransferJob } from '../../shared/queues/job-data.js';
import { runKey, sendJobId } from '../../shared/queues/names.js';
import { priorityOf, type PriorityClass } from '../../shared/queues/priorities.js';
import { takePlanTurn } from '../../shared/queues/fair-share.js';
import { failRun } from '../../shared/runs/fail-run.js';
import { ItemStore, type StoredItem } from '../../shared/runs/item-store.js';
import type { Run } from '../../shared/runs/run-store.js';
import { shardOf } from '../../shared/runs/start-name.js';
import { inFlightId } from '../scheduler/enqueue.js';
import { countedSlices, plannedShards, type CountedSlice } from './counted-slices.js';
import type { Batch } from './decide-run.js';
import { stateOf } from './job-states.js';
import { lookAtWaiting, shardJobId } from './look-at-waiting.js';
import type { ReconcileParts } from './parts.js';

/** Field of a run: how often its job was queued again. */
export const REQUEUES_FIELD = 'requeues';

/**
 * Makes the job of a backup again, as far as the run knows what was ordered: it goes on in the phase the run is in. An operator's word that a source may
 * be another filesystem is lost with the job; planning then says so. Loses against another backup that has the basepath's place.
 */
export async function requeue(parts: ReconcileParts, run: Run, topdir: string): Promise<void> {
  const { queues, runs } = parts;
  const old = await queues.backup.getJob(run.jobId);
  if (old !== undefined) await old.remove({ removeChildren: false }); // in no list: no worker would find it
  await runs.redis.hincrby(runKey(run.id), REQUEUES_FIELD, 1);
  const data = backupJobOf(parts, run, topdir);
  const priority = run.phase === 'planning' ? await takePlanTurn(queues.redis, data.priorityClass) : priorityOf(data.priorityClass, 'seal');
  const job = await queues.backup.add('backup', data, { jobId: run.jobId, priority, delay: LINK_MS, deduplication: { id: inFlightId(data.level, data.basepathId) } });
  if (String(job.id) !== run.jobId) {
    await failRun(parts, run.id, { code: 'JOB_GONE', message: `the job is not in the queue any more, and ${String(job.id)} has its place` });
    return;
  }
  if (run.work !== null) await linkChildren(parts, run, job);
  await job.promote().catch(() => undefined); // it took so long that it came by itself
}

/** A job that is made again is not taken before all it waits for is made its child again: it would be sealed without that. */
const LINK_MS = 60_000;

/** What the backup waited for when its job was lost: shards, done or not, and transfers that are under way. */
async function linkChildren(parts: ReconcileParts, run: Run, job: Job): Promise<void> {
  const { path } = parts.catalog.workDir(run.id, run.work ?? '');
  for (const shard of await plannedShards(path)) await addShard(parts, run, shard);
  for (const [object, { host }] of await new ItemStore(parts.runs.redis).all(run.id)) {
    const queue = parts.queues.transfer(host);
    const send = await queue.getJob(sendJobId(object));
    if (send?.id === undefined || send.finishedOn !== undefined) continue;
    await queue.add(send.name, send.data, { jobId: send.id, priority: send.priority, parent: parentOf(parts, run), failParentOnFailure: true });
  }
  const waits = await lookAtWaiting(parts, run, job);
  for (const batch of waits?.lostItems ?? []) await putItems(parts, run, batch);
  for (const batch of (await lookAtWaiting(parts, run, job))?.unsent ?? []) await sendBatch(parts, run, batch);
}

function backupJobOf({ config }: ReconcileParts, run: Run, topdir: string): BackupJob {
  const level = run.level === 'full' || run.level === 'differential' ? run.level : 'incremental';
  return {
    v: JOB_VERSION,
    backupId: run.id,
    basepathId: run.basepathId,
    level,
    topdir,
    path: run.path,
    priorityClass: classOf(run),
    policyHash: config.policyHash,
    reason: 'its job was lost, and queued again by the reconciler',
    acceptSource: false,
    // A full needs no other backup, unless it is made from its chain.
    ...(level === 'full' && run.needs !== undefined ? { consolidates: run.needs } : {}),
  };
}

function classOf({ level }: Run): PriorityClass {
  return level === 'full' ? 'full' : 'incremental';
}

function parentOf({ queues }: ReconcileParts, run: Run): { id: string; queue: string } {
  return { id: run.jobId, queue: queues.backup.qualifiedName };
}

/** The same id again: one that is there already is only made a child. */
export async function addShard(parts: ReconcileParts, run: Run, shard: number): Promise<void> {
  const priorityClass = classOf(run);
  const data: ShardJob = { v: JOB_VERSION, backupId: run.id, basepathId: run.basepathId, shard, priorityClass };
  const topdir = (await parts.queues.backup.getJob(run.jobId))?.data as { topdir?: string } | undefined;
  const whole = topdir?.topdir === undefined ? data : { ...data, topdir: topdir.topdir };
  await parts.queues.backup.add('shard', whole, { jobId: shardJobId(run, shard), priority: priorityOf(priorityClass, 'shard'), parent: parentOf(parts, run), failParentOnFailure: true });
}

export async function sendBatch(parts: ReconcileParts, run: Run, { host, objects }: Batch): Promise<void> {
  const [first] = objects;
  if (first === undefined) return;
  const queue = parts.queues.transfer(host);
  const jobId = sendJobId(first);
  const old = await queue.getJob(jobId);
  if (['completed', 'failed', 'unknown'].includes(await stateOf(old))) await old?.remove();
  const data: TransferJob = { v: JOB_VERSION, backupId: run.id, basepathId: run.basepathId, objects: [...objects] };
  await queue.add('send', data, { jobId, priority: priorityOf(classOf(run), 'shard'), parent: parentOf(parts, run), failParentOnFailure: true });
}

/**
 * Puts slices on record as their shard reported them. What was verified before is verified anew: a backend takes what is in long-term storage for its
 * own when the content is the same, and says so when neither it nor the file is there.
 */
export async function putItems(parts: ReconcileParts, run: Run, batch: Batch): Promise<void> {
  const store = new ItemStore(parts.runs.redis);
  const counted = await countedOfStart(parts, run, batch.start);
  const dir = await stagingDirOf(parts, run, batch, store);
  const known = await store.get(run.id, batch.objects);
  const items = new Map<string, StoredItem>();
  const goal = await goalOfRun(parts, run);
  let claim = '';
  for (const object of batch.objects) {
    const slice = counted.get(object);
    if (slice === undefined || known.has(object)) continue;
    const { host, start, name, bytes, sha512 } = slice;
    claim = slice.claim;
    items.set(object, { host, file: join(dir, name), bytes, sha512, start, committed: {}, ...goal });
  }
  if (items.size > 0) await store.add(run.id, { shard: shardOf(batch.start), start: claim }, items);
}

/** By the topdir that the backup's job names. */
async function goalOfRun({ queues, config }: ReconcileParts, run: Run): Promise<Pick<StoredItem, 'goal'>> {
  const { topdir } = ((await queues.backup.getJob(run.jobId))?.data ?? {}) as { topdir?: string };
  const own = config.topdirs.find(({ path }) => path === topdir);
  const noted = own === undefined ? {} : goalToNote({ lts: own.lts, toSeal: own.copies.toSeal }, config.lts.map(({ name }) => name));
  return noted.goal === undefined ? {} : { goal: { ...noted.goal, lts: [...noted.goal.lts] } };
}

async function countedOfStart({ queues, runs, catalog }: ReconcileParts, run: Run, start: string): Promise<Map<string, CountedSlice>> {
  const shard = shardOf(start);
  const { path } = catalog.workDir(run.id, run.work ?? '');
  const job = await queues.backup.getJob(shardJobId(run, shard));
  const result = (job?.returnvalue as { result?: string } | null | undefined)?.result ?? null;
  const file = result ?? (await runs.keptPart(run.id, shard));
  return file === null ? new Map() : countedSlices(path, `${run.basepathId}/${run.id}`, file, result === null ? 'part' : 'result');
}

/** Where another slice of that host lies; hosts may have staging of their own. */
async function stagingDirOf({ config }: ReconcileParts, run: Run, { host, start }: Batch, store: ItemStore): Promise<string> {
  const other = [...(await store.all(run.id)).values()].find((item) => item.host === host);
  const root = other === undefined ? join(config.staging.dir, host, run.id) : join(other.file, '..', '..');
  return join(root, start);
}

/** Takes a job that is in no queue off what a backup waits for, which wakes it when that was the last. It is made once more for that, with nothing to do. */
export async function releaseDependency(parts: ReconcileParts, run: Run, host: string, jobId: string): Promise<void> {
  const data: TransferJob = { v: JOB_VERSION, backupId: run.id, basepathId: run.basepathId, objects: [`${run.basepathId}/${run.id}/${jobId}`] };
  const job = await parts.queues.transfer(host).add('send', data, { jobId, priority: priorityOf(classOf(run), 'shard'), parent: parentOf(parts, run) });
  await job.removeChildDependency();
  await job.remove().catch(() => undefined); // a worker has it already, and does nothing
}
