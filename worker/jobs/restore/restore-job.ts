import { WaitingChildrenError } from 'bullmq';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { JOB_VERSION, parseJob, restoreJobSchema, type RestoreArchiveJob, type RestoreJob } from '../../../shared/queues/job-data.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import type { RestoreResult } from '../../../shared/runs/restore-result.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { finishRestore } from './finish-restore.js';
import { archivesHolding, restoreGroups } from './select-archives.js';
import { makeDirectories } from './make-directories.js';
import { currentTarget, prepareTarget } from './target.js';

/**
 * Restores a backup (or paths of it) in groups of archives; those of a group run in parallel on any worker. Between
 * groups the job gives its slot back; a restart goes on with the group the run has reached.
 */
export async function restoreJob(context: WorkerContext, run: JobRun): Promise<RestoreResult> {
  const data = parseJob(restoreJobSchema, run.job.data, run.job.id);
  const manifest = await context.catalog.readManifest(data.basepathId, data.backupId);
  const groups = restoreGroups(manifest, await wantedArchives(context, data, manifest));
  let state = await currentRun(context, data, run, manifest);
  while (state.step < groups.length) {
    if (state.step === 0) await prepareDirectories(context, data, manifest);
    await addGroup(context, data, run, groups[state.step] ?? []);
    state = (await context.runs.update(data.restoreId, { step: state.step + 1 })) ?? state;
    await run.job.changePriority({ priority: priorityOf('restore', 'seal') });
    if (await run.job.moveToWaitingChildren(run.token)) throw new WaitingChildrenError();
  }
  return finishRestore(context, run, data, manifest);
}

/** Before anything is extracted; repeated by a restart, which is harmless. */
async function prepareDirectories(context: WorkerContext, data: RestoreJob, manifest: Manifest): Promise<void> {
  const { extractTo } = await currentTarget(context, data);
  await makeDirectories(context.catalog.file(manifest, manifest.index), data.paths.map(fromPathJson), extractTo);
}

async function wantedArchives(context: WorkerContext, data: RestoreJob, manifest: Manifest): Promise<Set<string> | null> {
  if (data.paths.length === 0) return null;
  return archivesHolding(context.catalog.file(manifest, manifest.index), data.paths.map(fromPathJson));
}

async function currentRun(context: WorkerContext, data: RestoreJob, run: JobRun, manifest: Manifest): Promise<Run> {
  const known = await context.runs.read(data.restoreId);
  if (known !== null) return known;
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
    work: null,
    shards: manifest.archives.length,
    step: 0,
    records: manifest.counts.records,
    bytes: manifest.counts.archiveBytes,
    error: null,
    outcome: null,
  });
  await context.runs.addHost(data.restoreId, context.config.host); // the end of the restore works in this host's staging, also without archives
  const created = await context.runs.read(data.restoreId);
  if (created === null) throw runGone(data.restoreId);
  return created;
}

async function addGroup(context: WorkerContext, data: RestoreJob, run: JobRun, keys: readonly string[]): Promise<void> {
  const parent = { id: String(run.job.id), queue: context.queues.backup.qualifiedName };
  const jobs = keys.map((archive) => {
    const child: RestoreArchiveJob = { v: JOB_VERSION, restoreId: data.restoreId, basepathId: data.basepathId, archive };
    const opts = {
      jobId: `restore-archive.${data.restoreId}.${archive}`,
      priority: priorityOf('restore', 'shard'),
      parent,
      failParentOnFailure: true,
    };
    return { name: 'restore-archive', data: child, opts };
  });
  await context.queues.backup.addBulk(jobs);
}

function runGone(restoreId: string): BwError {
  return new BwError('RUN_GONE', {
    message: 'the run of this restore is not on record',
    subject: `restore ${restoreId}`,
    retry: 'permanent',
    hint: 'Redis lost it: start the restore again, into a new directory.',
  });
}
