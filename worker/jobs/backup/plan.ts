import type { Manifest } from '../../../shared/catalog/manifest.js';
import { inspectRoot, type RootFacts } from '../../../shared/index/inspect-root.js';
import { formatRecord } from '../../../shared/index/format.js';
import { readRoot } from '../../../shared/paths/basepath-root.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { limitsOf } from '../../../shared/runs/limits-of.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { claimBackup } from '../claim-backup.js';
import { chooseParent } from './choose-parent.js';
import { journalStart, markSaving } from './mark-saving.js';
import { planConsolidation } from './plan-consolidation.js';
import { writePlan, type PlanFile, type PlannedShard } from './plan-file.js';
import { METADATA_KEY } from '../shard/metadata-archive.js';
import { reportScan } from './report-scan.js';
import { checkIdentity } from './source-identity.js';
import { survey, type Survey } from './survey.js';

/**
 * Looks at the source, lists it, compares it with its parent's state and cuts what is to be saved into shards. The plan lies in the work directory,
 * which every worker sees; the run's phase is what makes it count. Throws SOURCE_*, INDEX_VOID, PATH_OUTSIDE_TOPDIR, PARENT_MISSING.
 */
export async function planBackup(context: WorkerContext, job: BackupJob, run: JobRun): Promise<Run> {
  if (job.consolidates !== undefined) return planConsolidation(context, job, run, job.consolidates);
  const topdir = configuredTopdir(context.config, job.topdir);
  const root = readRoot(topdir, fromPathJson(job.path));
  const [facts, known] = await Promise.all([inspectRoot(root), sealedBackups(context, job)]);
  const newest = newestOf(known);
  checkIdentity(root, facts, newest, job.acceptSource);
  const chain = chooseParent(job.level, known, `basepath ${job.basepathId}`);
  const parent = chain.at(-1);
  if (parent !== undefined) await claimBackup(context, job.backupId, parent);
  await journalStart(context, job);
  const work = await context.catalog.createWork(job.backupId, run.job.attemptsStarted);
  const capturedAt = context.now();
  const allowEmpty = topdir.limits.allowEmpty && (newest === null || newest.counts.records <= 1);
  const { limits } = limitsOf(context.config, topdir, known.values());
  const onProgress = reportScan(context, job.backupId);
  const surveyed = await survey({ context, topdir, root, facts, limits, chain, workDir: work.path, allowEmpty, signal: run.signal, onProgress });
  const plan = await writePlanOf({ context, job, root, facts, workPath: work.path, capturedAt, surveyed, newest, run });
  const { records, changed, removed, sourceBytes } = plan.counts;
  run.logger.info({ level: job.level, parent: plan.parent?.backupId ?? null, records, changed, removed, bytes: sourceBytes, shards: plan.shards.length }, 'planned');
  return markSaving(context, job, work.name, plan);
}

function sealedBackups(context: WorkerContext, job: BackupJob): Promise<Map<string, Manifest>> {
  return context.catalog.backupsOf(job.basepathId, (error) => {
    context.logger.warn({ err: error }, 'manifest not usable');
  });
}

/** Of latest capture. */
function newestOf(known: ReadonlyMap<string, Manifest>): Manifest | null {
  let newest: Manifest | null = null;
  for (const manifest of known.values()) if (manifest.imported === undefined && (newest === null || Date.parse(manifest.capturedAt) >= Date.parse(newest.capturedAt))) newest = manifest;
  return newest;
}

/** Where nothing is to be saved but what the first shard brings along: the metadata of the basepath directory, removals. It has no file. */
const EMPTY_SHARD: PlannedShard = { number: 1, file: 'none', records: 0, bytes: '0', sorted: true };

interface PlanInput {
  readonly context: WorkerContext;
  readonly job: BackupJob;
  readonly root: BytePath;
  readonly facts: RootFacts;
  readonly workPath: string;
  readonly capturedAt: Date;
  readonly surveyed: Survey;
  readonly newest: Manifest | null;
  readonly run: JobRun;
}

async function writePlanOf(input: PlanInput): Promise<PlanFile> {
  const { facts } = input;
  const { shards, counts, metadata, parent } = input.surveyed;
  const plan: PlanFile = {
    v: 2,
    start: `t${input.run.job.attemptsStarted}`,
    startedAt: new Date(input.run.job.processedOn ?? input.capturedAt.getTime()).toISOString(),
    capturedAt: input.capturedAt.toISOString(),
    root: toPathJson(input.root),
    rootRecordB64: bytePath.toBuffer(bytePath.of(formatRecord({ ...shards.root, archive: METADATA_KEY }))).toString('base64'),
    source: { fsType: facts.fsType, fsId: facts.fsId, rootInode: facts.inode, owner: facts.owner },
    shards: shardsOf(input.surveyed),
    counts,
    metadata,
    parent,
    shrunk: hasShrunk(counts.records, input.newest, configuredTopdir(input.context.config, input.job.topdir).limits.maxShrink),
    consolidates: null,
    exceptions: shards.exceptionsFile,
  };
  await writePlan(input.workPath, plan);
  return plan;
}

/** None when nothing is to be done at all. */
function shardsOf({ shards: { shards }, metadata, parent }: Survey): PlannedShard[] {
  const planned = shards.map(({ number, file, records, bytes, sorted }) => ({ number, file, records, bytes, sorted }));
  const takesAway = parent !== null && (parent.removedFile !== null || parent.clearsAttributes);
  const alone = planned.length === 0 && (metadata || takesAway);
  return alone ? [EMPTY_SHARD] : planned;
}

/** Fewer paths than this are too few to be alarmed by. */
const FEW_RECORDS = 20;

/** Invariant 8: whether much less is there than in the newest backup (pure). `maxShrink`: 0 to 1, 0 = never. */
export function hasShrunk(records: number, newest: Pick<Manifest, 'counts'> | null, maxShrink: number): boolean {
  return newest !== null && newest.counts.records >= FEW_RECORDS && records < newest.counts.records * maxShrink;
}
