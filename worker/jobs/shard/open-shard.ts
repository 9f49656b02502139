import { join } from 'node:path';
import type { TopdirConfig } from '../../../shared/config/config.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { readRoot } from '../../../shared/paths/basepath-root.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { parseJob, shardJobSchema, type ShardJob } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { newStart, shardName } from '../../../shared/runs/start-name.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { readPlan, type PlanFile, type PlannedShard } from '../backup/plan-file.js';
import { backupJobOf } from './backup-job-of.js';
import { SliceSender } from './slice-sender.js';

/** Everything one start of a shard works with. */
export interface ShardFrame {
  readonly context: WorkerContext;
  readonly run: JobRun;
  readonly data: ShardJob;
  readonly state: Run;
  readonly plan: PlanFile;
  readonly shard: PlannedShard;
  readonly topdir: TopdirConfig;
  /** Absolute root that is read. */
  readonly root: BytePath;
  /** Shared work directory of the backup. */
  readonly workDir: string;
  /** This start's own directory in this host's staging. */
  readonly stagingDir: string;
  /** `s0001-t2-abcdef`. */
  readonly start: string;
  readonly sender: SliceSender;
}

/** Finds run, plan and shard of a job and makes a staging directory for this start. Throws RUN_GONE, RUN_ENDED. */
export async function openShard(context: WorkerContext, run: JobRun): Promise<ShardFrame> {
  const data = parseJob(shardJobSchema, run.job.data, run.job.id);
  const state = await liveRun(context, data);
  const { path: workDir } = context.catalog.workDir(data.backupId, state.work ?? '');
  const plan = await readPlan(workDir);
  const shard = plan.shards.find((candidate) => candidate.number === data.shard);
  if (shard === undefined) throw ended(data, `the plan has no shard ${data.shard}`);
  const job = await backupJobOf(context, state);
  const topdir = configuredTopdir(context.config, job.topdir);
  const start = `${shardName(data.shard)}-${newStart(run.job.attemptsStarted)}`;
  const stagingDir = await context.staging.createStart(data.backupId, start);
  const parent = { id: state.jobId, queue: context.queues.backup.qualifiedName };
  const { backupId, basepathId, priorityClass } = data;
  const sender = new SliceSender(context, { backupId, basepathId, priorityClass, start, parent });
  const root = readRoot(topdir, fromPathJson(job.path));
  return { context, run, data, state, plan, shard, topdir, root, workDir, stagingDir, start, sender };
}

async function liveRun(context: WorkerContext, data: ShardJob): Promise<Run> {
  const state = await context.runs.read(data.backupId);
  if (state?.phase === 'saving' && state.work !== null) return state;
  throw ended(data, `its run is ${state?.phase ?? 'not on record'}`);
}

function ended(data: ShardJob, why: string): BwError {
  return new BwError('RUN_ENDED', {
    message: `the backup this shard belongs to is not being saved: ${why}`,
    subject: `backup ${data.backupId} shard ${data.shard}`,
    retry: 'permanent',
    hint: 'Nothing to do: the backup ended without this shard, and the next scheduled run makes a new one.',
  });
}

/** dar's base name of an archive of this start: says what it is also out of its directory. */
export function archiveName(frame: ShardFrame, segment: string): string {
  return `${frame.data.basepathId}.${frame.data.backupId}.${frame.start}.${segment}`;
}

export function inStaging(frame: ShardFrame, name: string): string {
  return join(frame.stagingDir, name);
}

/**
 * Drops what earlier starts of this shard sent or still hold: only this start's slices will be named by a manifest. Their transfer
 * jobs find nothing to do; what reached LTS is swept when the backup has ended.
 */
export async function abandonEarlierStarts(frame: ShardFrame): Promise<void> {
  const { context, data, run, start } = frame;
  if (run.job.attemptsStarted <= 1) return;
  const prefix = `${shardName(data.shard)}-`;
  const items = await context.items.all(data.backupId);
  const old = [...items].filter(([, item]) => item.start.startsWith(prefix) && item.start !== start).map(([object]) => object);
  await context.items.remove(data.backupId, old);
  await context.staging.removeOtherStarts(data.backupId, shardName(data.shard), start);
}
