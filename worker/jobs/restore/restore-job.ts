import { WaitingChildrenError } from 'bullmq';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { JOB_VERSION, parseJob, restoreJobSchema, type RestoreArchiveJob, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import type { RestoreResult } from '../../../shared/runs/restore-result.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { claimBackup } from '../claim-backup.js';
import { finishRestore } from './finish-restore.js';
import { makeDirectories } from './make-directories.js';
import { openRestore, restoreGone, type OpenRestore } from './open-restore.js';
import { currentTarget, prepareTarget } from './target.js';

/**
 * Restores the state of a backup (or paths of it): its archives in parallel on any worker, while the job gives its slot back, then what comes when all files
 * are there. A restart orders again what the run has not reached.
 */
export async function restoreJob(context: WorkerContext, run: JobRun): Promise<RestoreResult> {
  const data = parseJob(restoreJobSchema, run.job.data, run.job.id);
  const state = await currentRun(context, data, run);
  const restore = await openRestore(context, data, state.work ?? '', run.signal);
  if (state.step === 0 && restore.plan.parts.length > 0) {
    await begin(context, data, restore);
    await addArchives(context, restore, run);
    await context.runs.update(data.restoreId, { step: 1 });
    await run.job.changePriority({ priority: priorityOf('restore', 'seal') });
    if (await run.job.moveToWaitingChildren(run.token)) throw new WaitingChildrenError();
  }
  return finishRestore(context, run, restore);
}

/** Before anything is extracted; repeated by a restart, which is harmless. */
async function begin(context: WorkerContext, data: RestoreJob, { plan, layers, chain }: OpenRestore): Promise<void> {
  const archives = plan.parts.flatMap(({ backupId, archive }) => chain.find((each) => each.backupId === backupId)?.archives.filter(({ key }) => key === archive) ?? []);
  const bytes = archives.flatMap(({ slices }) => slices).reduce((sum, slice) => sum + BigInt(slice.bytes), 0n);
  await context.runs.update(data.restoreId, { shards: plan.parts.length, records: plan.records, bytes: bytes.toString() });
  const { extractTo } = await currentTarget(context, data);
  await makeDirectories(layers, data.paths.map(fromPathJson), extractTo);
}

async function currentRun(context: WorkerContext, data: RestoreJob, run: JobRun): Promise<Run> {
  const known = await context.runs.read(data.restoreId);
  if (known !== null) return known;
  const manifest = await context.catalog.readManifest(data.basepathId, data.backupId);
  const work = await context.catalog.createWork(data.restoreId, run.job.attemptsStarted);
  // What cannot be restored is refused before the target is touched.
  await openRestore(context, data, work.name, run.signal);
  await prepareTarget(context, data);
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

async function addArchives(context: WorkerContext, { request, plan }: OpenRestore, run: JobRun): Promise<void> {
  const parent = { id: String(run.job.id), queue: context.queues.backup.qualifiedName };
  const { restoreId, basepathId } = request;
  const jobs = plan.parts.map((_, part) => {
    const child: RestoreArchiveJob = { v: JOB_VERSION, restoreId, basepathId, part };
    const opts = { jobId: `restore-archive.${restoreId}.${part}`, priority: priorityOf('restore', 'shard'), parent, failParentOnFailure: true };
    return { name: 'restore-archive', data: child, opts };
  });
  await context.queues.backup.addBulk(jobs);
}
