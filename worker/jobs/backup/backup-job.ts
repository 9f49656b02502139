import { WaitingChildrenError } from 'bullmq';
import { BwError } from '../../../shared/errors/bw-error.js';
import { shardPriorities } from '../../../shared/queues/fair-share.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { backupJobSchema, JOB_VERSION, parseJob, type BackupJob, type ShardJob } from '../../../shared/queues/job-data.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { orderSweeps } from '../../../shared/runs/order-sweeps.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { planBackup } from './plan.js';
import { readPlan, type PlanFile } from './plan-file.js';
import { recordSealed } from './record-sealed.js';
import { sealBackup } from './seal.js';

export interface BackupJobResult {
  readonly backupId: string;
  readonly outcome: string;
}

/**
 * The backup job runs twice: it plans and adds its shards, gives its slot back, and is woken when the last shard
 * and the last transfer are done, to seal. A restart in between goes on where the run is.
 */
export async function backupJob(context: WorkerContext, run: JobRun): Promise<BackupJobResult> {
  const data = parseJob(backupJobSchema, run.job.data, run.job.id);
  const state = await currentRun(context, data, run);
  const planned = state.phase === 'planning' ? await planBackup(context, data, run) : state;
  if (planned.phase === 'failed') throw runEnded(data.backupId);
  if (planned.phase === 'done') return sealedBefore(context, data, planned);
  if (planned.work === null) throw runGone(data.backupId);
  if (planned.phase === 'saving') await waitForShards(context, data, planned.work, run);
  const sealed = await sealBackup(context, data, planned.work, run);
  await recordSealed(context, data, sealed);
  return { backupId: data.backupId, outcome: sealed.manifest.outcome };
}

/** The start that sealed it died before its job was completed. Its work may be swept already, or was not ordered swept yet. */
async function sealedBefore(context: WorkerContext, data: BackupJob, { outcome }: Run): Promise<BackupJobResult> {
  await orderSweeps(context.queues, context.runs, data);
  await orderKitRefresh(context.queues);
  return { backupId: data.backupId, outcome: outcome ?? '' };
}

async function currentRun(context: WorkerContext, data: BackupJob, run: JobRun): Promise<Run> {
  const fresh: Run = {
    id: data.backupId,
    kind: 'backup',
    basepathId: data.basepathId,
    path: data.path,
    level: data.level,
    jobId: String(run.job.id),
    phase: 'planning',
    startedAt: context.now().toISOString(),
    endedAt: null,
    work: null,
    shards: 0,
    step: 0,
    records: 0,
    bytes: '0',
    error: null,
    outcome: null,
  };
  if (await context.runs.create(fresh)) return fresh;
  const state = await context.runs.read(data.backupId);
  if (state === null) throw runGone(data.backupId);
  return state;
}

/** Returns when all children are done; otherwise gives the slot back until they are. */
async function waitForShards(context: WorkerContext, data: BackupJob, work: string, run: JobRun): Promise<void> {
  const { path } = context.catalog.workDir(data.backupId, work);
  await enqueueShards(context, data, run, await readPlan(path));
  // The woken job is queued by its stored priority: what was begun is sealed before more is begun.
  await run.job.changePriority({ priority: priorityOf(data.priorityClass, 'seal') });
  if (await run.job.moveToWaitingChildren(run.token)) throw new WaitingChildrenError();
  if ((await context.runs.update(data.backupId, { phase: 'sealing' }, ['saving'])) === null) throw runEnded(data.backupId);
}

/** Added in one transaction, in which Redis serves nobody else: 50 ms. A basepath can have 10,000 shards. */
const BULK_JOBS = 500;

/** Children of the backup's job, unless an earlier start added all of them; ids that follow from it, so adding twice has one effect. */
async function enqueueShards(context: WorkerContext, data: BackupJob, run: JobRun, plan: PlanFile): Promise<void> {
  const { processed = 0, unprocessed = 0 } = await run.job.getDependenciesCount({ processed: true, unprocessed: true });
  if (processed + unprocessed >= plan.shards.length) return;
  const parent = { id: String(run.job.id), queue: context.queues.backup.qualifiedName };
  const { backupId, basepathId, topdir, priorityClass } = data;
  const sizes = plan.shards.map(({ records, bytes }) => ({ records, bytes: BigInt(bytes) }));
  const priorities = await shardPriorities(context.queues.redis, priorityClass, run.job.priority, sizes);
  const jobs = plan.shards.map(({ number }, index) => {
    const shard: ShardJob = { v: JOB_VERSION, backupId, basepathId, shard: number, topdir, priorityClass };
    const opts = { jobId: `shard.${backupId}.${number}`, priority: priorities[index] as number, parent, failParentOnFailure: true };
    return { name: 'shard', data: shard, opts };
  });
  for (let at = 0; at < jobs.length; at += BULK_JOBS) await context.queues.backup.addBulk(jobs.slice(at, at + BULK_JOBS));
}

function runEnded(backupId: string): BwError {
  return new BwError('RUN_ENDED', {
    message: 'the backup has ended already: it failed, or was cancelled',
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Nothing to do: what it left is swept, and the next scheduled run makes a new one.',
  });
}

function runGone(backupId: string): BwError {
  return new BwError('RUN_GONE', {
    message: 'the run of this backup is not on record',
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Redis lost it. Nothing sealed is affected; the next scheduled run makes a new backup.',
  });
}
