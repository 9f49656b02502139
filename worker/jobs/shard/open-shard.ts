import { join } from 'node:path';
import type { TopdirConfig } from '../../../shared/config/config.js';
import { goalToNote } from '../../../shared/copies/enough.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { readRoot } from '../../../shared/paths/basepath-root.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { parseJob, shardJobSchema, type ShardJob } from '../../../shared/queues/job-data.js';
import { QUEUES } from '../../../shared/queues/names.js';
import { clearStalls } from '../../../shared/queues/release-locks.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { newStart, shardName } from '../../../shared/runs/start-name.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { Brake } from '../../supervise/brake.js';
import { readPlan, type PlanFile, type PlannedShard } from '../backup/plan-file.js';
import { backupJobOf } from './backup-job-of.js';
import { adoptEarlierStart, type AdoptPlace } from './adopt-starts.js';
import { loadParts, type KeptParts } from './kept-parts.js';
import type { ArchiveRun } from './make-archive.js';
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
  /** Of all dars of this start. */
  readonly brake: Brake;
  /** Aborted when nothing of this start counts any more: its backup ended, another start took over, or it must end at once. */
  readonly over: AbortController;
  /** Aborted when it is asked to stop: what it has saved by then is kept for the next start. `run.signal` is that of `over`. */
  readonly stop: AbortSignal;
  /** What earlier starts saved; null when this one begins at the beginning. */
  readonly kept: KeptParts | null;
}

/** Finds run, plan and shard of a job, what earlier starts of it left, and makes a staging directory for this start. Throws RUN_GONE, RUN_ENDED. */
export async function openShard(context: WorkerContext, run: JobRun): Promise<ShardFrame> {
  const data = parseJob(shardJobSchema, run.job.data, run.job.id);
  const start = `${shardName(data.shard)}-${newStart(run.job.attemptsStarted)}`;
  const over = new AbortController();
  const signal = AbortSignal.any([run.hurry, over.signal]);
  const place = await findShard({ context, data, start, attemptsStarted: run.job.attemptsStarted, signal, logger: run.logger });
  if (!(await context.runs.claimShard(data.backupId, data.shard, start))) throw ended(data, 'a later start of this shard took over');
  const kept = await keptParts({ ...place, signal: AbortSignal.any([signal, run.signal]) });
  const stagingDir = await context.staging.createStart(data.backupId, start);
  return { ...place, run: { ...run, signal }, stagingDir, brake: new Brake(), over, stop: run.signal, kept };
}

type StartOfShard = Pick<AdoptPlace, 'context' | 'data' | 'start' | 'attemptsStarted' | 'signal' | 'logger'>;

/** What a start knows of its shard before it begins. Throws RUN_GONE, RUN_ENDED. */
export async function findShard(of: StartOfShard): Promise<AdoptPlace> {
  const { context, data, start, signal, logger } = of;
  const { backupId, basepathId, priorityClass } = data;
  const state = await liveRun(context, data);
  const { path: workDir } = context.catalog.workDir(backupId, state.work ?? '');
  const plan = await readPlan(workDir);
  const shard = plan.shards.find((candidate) => candidate.number === data.shard);
  if (shard === undefined) throw ended(data, `the plan has no shard ${data.shard}`);
  const job = await backupJobOf(context, state);
  const topdir = configuredTopdir(context.config, job.topdir);
  const parent = { id: state.jobId, queue: context.queues.backup.qualifiedName };
  const check = (): Promise<void> => checkCounts(context, data, start);
  const claim = { shard: data.shard, start };
  const goal = goalToNote({ lts: topdir.lts, toSeal: topdir.copies.toSeal }, context.backends.map(({ name }) => name));
  const sender = new SliceSender(context, { backupId, basepathId, priorityClass, start, claim, parent, check, signal, logger, ...goal });
  return { ...of, state, plan, shard, topdir, root: readRoot(topdir, fromPathJson(job.path)), workDir, sender };
}

/** With what a start that was cut off left here; who takes it over is asked only then. */
export async function keptParts(place: AdoptPlace): Promise<KeptParts | null> {
  const kept = await loadParts(place);
  if (place.attemptsStarted <= 1 || place.shard.from !== undefined) return kept;
  if (!(await adoptEarlierStart(place, kept))) return kept;
  const more = await loadParts(place);
  const { context, data, shard } = place;
  if (more !== null && more.left.records < (kept?.left.records ?? shard.records)) await clearStalls(context.queues.redis, QUEUES.backup, `shard.${data.backupId}.${data.shard}`);
  return more;
}

/** Throws RUN_ENDED when this start does not count any more. */
async function checkCounts(context: WorkerContext, data: ShardJob, start: string): Promise<void> {
  if (!(await context.runs.isCurrentStart(data.backupId, data.shard, start))) throw ended(data, 'it ended, or another start of this shard took over');
}

/** Stops the work of a start that does not count any more, as soon as that is seen. */
export async function stopIfOver(frame: ShardFrame): Promise<void> {
  await checkCounts(frame.context, frame.data, frame.start).catch((thrown: unknown) => {
    if (toBwError(thrown).code !== 'RUN_ENDED') throw thrown;
    frame.over.abort(thrown);
  });
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

/** Ends a start that was asked to stop. The queue does not see it: the job goes back to its class. */
export function stopped(frame: ShardFrame): BwError {
  return new BwError('STOPPED', {
    message: `the shard was stopped before all of it was saved: ${String(frame.stop.reason)}`,
    subject: `backup ${frame.data.backupId} shard ${frame.data.shard}`,
    retry: 'retry',
    hint: 'Nothing to do: it goes on later, on any worker, with what is left.',
  });
}

/** dar's base name of an archive of this start: says what it is also out of its directory. */
export function archiveName(frame: ShardFrame, segment: string): string {
  return `${frame.data.basepathId}.${frame.data.backupId}.${frame.start}.${segment}`;
}

/** How a dar of this start runs. */
export function archiveRunOf(frame: ShardFrame, onStart: ArchiveRun['onStart'] = () => undefined): ArchiveRun {
  const { context, data, sender, run, stop, brake } = frame;
  const priority = priorityOf(data.priorityClass, 'shard');
  return { sender, signal: run.signal, stop, brake, account: context.staging.account, priority, onPausedTooLong: () => { run.stop('paused-too-long'); }, onStart, onHung: () => { run.stop('hung'); } };
}

export function inStaging(frame: ShardFrame, name: string): string {
  return join(frame.stagingDir, name);
}
