import { WaitingChildrenError } from 'bullmq';
import { scan } from '../../../shared/index/scan.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import { JOB_VERSION, parseJob, restoreJobSchema, type RestoreArchiveJob, type RestoreJob } from '../../../shared/queues/job-data.js';
import { shardPriorities } from '../../../shared/queues/fair-share.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import type { RestoreResult } from '../../../shared/runs/restore-result.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { claimBackup } from '../claim-backup.js';
import { finishedBefore, finishRestore } from './finish-restore.js';
import { makeDirectories } from './make-directories.js';
import { openChain, openRestore, restoreGone, type OpenRestore } from './open-restore.js';
import { racySinceOf } from './racy-since.js';
import { orderRecall } from './recall.js';
import type { Earlier } from './restore-plan.js';
import { archiveJobId, canStay, inodeOf, openDirectories, withAttributes } from './resume.js';
import { currentTarget, prepareTarget, type RestoreTarget } from './target.js';

/**
 * Restores the state of a backup (or paths of it): its archives in parallel on any worker, while the job gives its slot back, then what comes when all files
 * are there. A restart orders again what the run has not reached.
 */
export async function restoreJob(context: WorkerContext, run: JobRun): Promise<RestoreResult> {
  const data = parseJob(restoreJobSchema, run.job.data, run.job.id);
  const finished = await finishedBefore(context, data);
  if (finished !== null) return finished;
  const state = await currentRun(context, data, run);
  if (state.phase === 'failed') throw restoreGone(data.restoreId); // cancelled, and the order to stop was lost with its worker
  const restore = await openRestore(context, data, state.work ?? '', run.signal);
  if (state.step === 0 && restore.plan.parts.length > 0) {
    await begin(context, data, restore);
    await orderRecall(context, restore, run.signal);
    await addArchives(context, restore, run);
    await context.runs.update(data.restoreId, { step: 1 });
    await run.job.changePriority({ priority: priorityOf('restore', 'seal') });
  }
  // Also of a start whose predecessor died between its note and its waiting: nothing is finished before all files are there.
  if (await run.job.moveToWaitingChildren(run.token)) throw new WaitingChildrenError();
  return finishRestore(context, run, restore);
}

/** Before anything is extracted; repeated by a restart, which is harmless. */
async function begin(context: WorkerContext, data: RestoreJob, { plan, layers, chain }: OpenRestore): Promise<void> {
  const archives = plan.parts.flatMap(({ backupId, archive }) => chain.find((each) => each.backupId === backupId)?.archives.filter(({ key }) => key === archive) ?? []);
  const bytes = archives.flatMap(({ slices }) => slices).reduce((sum, slice) => sum + BigInt(slice.bytes), 0n);
  await context.runs.update(data.restoreId, { shards: plan.parts.length, records: plan.records, bytes: bytes.toString() });
  await context.runs.reportPart(data.restoreId, 'skipped', { entries: plan.skipped, doneBytes: 0, archiveBytes: 0 });
  const { extractTo } = await currentTarget(context, data);
  await makeDirectories(layers, data.paths.map(fromPathJson), extractTo);
}

async function currentRun(context: WorkerContext, data: RestoreJob, run: JobRun): Promise<Run> {
  const known = await context.runs.read(data.restoreId);
  if (known !== null) return known;
  const manifest = await context.catalog.readManifest(data.basepathId, data.backupId);
  const work = await context.catalog.createWork(data.restoreId, run.job.attemptsStarted);
  const { extractTo } = await firstStart(context, data, work.name, run.signal);
  await recordBegin(context, data, extractTo);
  await context.runs.create({
    id: data.restoreId,
    kind: 'restore',
    basepathId: data.basepathId,
    path: manifest.source.path,
    level: 'restore',
    jobId: String(run.job.id),
    phase: 'saving',
    startedAt: context.now().toISOString(),
    endedAt: null,
    work: work.name,
    shards: 0,
    step: 0,
    records: manifest.counts.records,
    bytes: manifest.counts.archiveBytes,
    needs: manifest.backupId,
    error: null,
    outcome: null,
  });
  await claimBackup(context, data.restoreId, manifest);
  await context.runs.addHost(data.restoreId, context.config.host); // the end of the restore works in this host's staging, also without archives
  const created = await context.runs.read(data.restoreId);
  if (created === null) throw restoreGone(data.restoreId);
  return created;
}

/** What cannot be restored is refused before a new target is touched; one that is there already is part of the plan. */
async function firstStart(context: WorkerContext, data: RestoreJob, work: string, signal: AbortSignal): Promise<RestoreTarget> {
  if (data.resumes === undefined) {
    await openRestore(context, data, work, signal);
    return prepareTarget(context, data, signal);
  }
  const target = await prepareTarget(context, data, signal);
  const { chain, layers } = await openChain(context, data);
  await openDirectories({ layers, chain, paths: data.paths.map(fromPathJson), target: target.extractTo, signal });
  const { path: tempDir } = context.catalog.workDir(data.restoreId, work); // not in staging: of what has no run on record, sweeps leave nothing there
  const { records } = await scan({ root: bytePath.fromText(target.extractTo), exclude: [], tempDir, allowEmpty: true, signal });
  const [racySince, attributes, owners] = [racySinceOf(chain), withAttributes(chain), process.getuid?.() === 0];
  const there: Earlier = { records, canStay: (want, have) => canStay(want, have, { owners, racySince: racySince(want), attributes: attributes.has(`${want.heldBy} ${want.archive}`) }) };
  await openRestore(context, data, work, signal, there);
  return target;
}

/** Before anything is extracted: from here on the directory is one to go on with. */
async function recordBegin(context: WorkerContext, { restoreId, backupId, basepathId, target, paths, conflict, resumes }: RestoreJob, extractTo: string): Promise<void> {
  const directory = (await inodeOf(extractTo)) ?? '';
  await context.journal.append({ kind: 'restore-begun', restoreId, backupId, basepathId, target: toPathJson(bytePath.fromText(target)), paths: [...paths], conflict, origin: resumes ?? restoreId, directory });
}

async function addArchives(context: WorkerContext, { request, plan }: OpenRestore, run: JobRun): Promise<void> {
  const parent = { id: String(run.job.id), queue: context.queues.backup.qualifiedName };
  const { restoreId, basepathId } = request;
  // A restore of a few files comes between the archives of a big one.
  const priorities = await shardPriorities(context.queues.redis, 'restore', run.job.priority, plan.parts.map(() => ({ records: 0, bytes: 0n })));
  const jobs = plan.parts.map((_, part) => {
    const child: RestoreArchiveJob = { v: JOB_VERSION, restoreId, basepathId, part };
    const opts = { jobId: archiveJobId(restoreId, part), priority: priorities[part] as number, parent, failParentOnFailure: true };
    return { name: 'restore-archive', data: child, opts };
  });
  await context.queues.backup.addBulk(jobs);
}
