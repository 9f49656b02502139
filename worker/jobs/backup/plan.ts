import type { Manifest } from '../../../shared/catalog/manifest.js';
import { inspectRoot, type RootFacts } from '../../../shared/index/inspect-root.js';
import { planShards, type ShardPlan } from '../../../shared/index/plan-shards.js';
import { scan, type Scan } from '../../../shared/index/scan.js';
import { formatRecord } from '../../../shared/index/format.js';
import { readRoot } from '../../../shared/paths/basepath-root.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { writePlan, type PlanFile, type PlannedShard } from './plan-file.js';
import { METADATA_KEY } from '../shard/metadata-archive.js';
import { checkIdentity } from './source-identity.js';

/**
 * Looks at the source, lists it and cuts the list into shards. The plan lies in the work directory, which every
 * worker sees; the run's phase is what makes it count. Throws SOURCE_*, INDEX_VOID, PATH_OUTSIDE_TOPDIR.
 */
export async function planBackup(context: WorkerContext, job: BackupJob, run: JobRun): Promise<Run> {
  const topdir = configuredTopdir(context.config, job.topdir);
  const root = readRoot(topdir, fromPathJson(job.path));
  const [facts, newest] = await Promise.all([inspectRoot(root), newestSealed(context, job)]);
  checkIdentity(root, facts, newest, job.acceptSource);
  await journalStart(context, job);
  const work = await context.catalog.createWork(job.backupId, run.job.attemptsStarted);
  const capturedAt = context.now();
  const allowEmpty = topdir.limits.allowEmpty && (newest === null || newest.counts.records <= 1);
  const found = await scan({ root, exclude: topdir.exclude, tempDir: work.path, allowEmpty, signal: run.signal });
  const shards = await planShards({ root, records: found.records, limits: topdir.shards, outDir: work.path, known: found.exceptions, signal: run.signal });
  const plan = await writePlanOf({ context, job, root, facts, workPath: work.path, capturedAt, found, shards, run });
  run.logger.info({ records: plan.counts.records, bytes: plan.counts.sourceBytes, shards: plan.shards.length }, 'planned');
  return markSaving(context, job, work.name, plan);
}

async function newestSealed(context: WorkerContext, job: BackupJob): Promise<Manifest | null> {
  return context.catalog.newestSealed(job.basepathId, (error) => {
    context.logger.warn({ err: error }, 'manifest not usable');
  });
}

async function journalStart(context: WorkerContext, job: BackupJob): Promise<void> {
  const { backupId, basepathId, level } = job;
  await context.journal.append({ kind: 'attempt-started', backupId, basepathId, level, host: context.config.host });
}

/** Where nothing is to be saved but the metadata of the basepath directory, which the first shard brings along. It has no file. */
const EMPTY_SHARD: PlannedShard = { number: 1, file: 'none', records: 0, bytes: '0', sorted: true };

interface PlanInput {
  readonly context: WorkerContext;
  readonly job: BackupJob;
  readonly root: BytePath;
  readonly facts: RootFacts;
  readonly workPath: string;
  readonly capturedAt: Date;
  readonly found: Scan;
  readonly shards: ShardPlan;
  readonly run: JobRun;
}

async function writePlanOf(input: PlanInput): Promise<PlanFile> {
  const { found, shards, facts } = input;
  const plan: PlanFile = {
    v: 1,
    start: `t${input.run.job.attemptsStarted}`,
    startedAt: new Date(input.run.job.processedOn ?? input.capturedAt.getTime()).toISOString(),
    capturedAt: input.capturedAt.toISOString(),
    root: toPathJson(input.root),
    rootRecordB64: bytePath.toBuffer(bytePath.of(formatRecord({ ...shards.root, archive: METADATA_KEY }))).toString('base64'),
    source: { fsType: facts.fsType, fsId: facts.fsId, rootInode: facts.inode, owner: facts.owner },
    shards: shards.shards.length === 0 ? [EMPTY_SHARD] : shards.shards.map(({ number, file: name, records, bytes, sorted }) => ({ number, file: name, records, bytes, sorted })),
    counts: {
      records: shards.counts.records,
      directories: shards.counts.directories,
      sourceBytes: shards.counts.sourceBytes,
      vanished: found.vanished,
      exceptions: shards.counts.exceptions,
    },
    exceptions: shards.exceptionsFile,
  };
  await writePlan(input.workPath, plan);
  return plan;
}

async function markSaving(context: WorkerContext, job: BackupJob, work: string, plan: PlanFile): Promise<Run> {
  const fields = { phase: 'saving' as const, work, shards: plan.shards.length, records: plan.counts.records, bytes: plan.counts.sourceBytes };
  const state = await context.runs.update(job.backupId, fields);
  if (state === null) throw new Error('the run vanished');
  return state;
}
