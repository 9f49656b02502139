import { join } from 'node:path';
import type { Manifest, ManifestArchive } from '../../../shared/catalog/manifest.js';
import { extract } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import { archiveRestoredSchema, MAX_PROBLEMS, type ArchiveRestored, type RestoreProblem, type RestoreResult } from '../../../shared/runs/restore-result.js';
import { orderStagingSweeps } from '../../../shared/runs/order-sweeps.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import { METADATA_DIRECTORY } from '../shard/metadata-archive.js';
import type { JobRun } from '../../processor/run-job.js';
import { copyDirectoryMetadata } from '../../directory-metadata/directory-metadata.js';
import { archiveOf, openArchive } from './open-archive.js';
import { attributeProblems } from './problems.js';
import { mergeInPlace } from './merge-in-place.js';
import { currentTarget } from './target.js';
import { verifyRestored, type Verified } from './verify-restored.js';

/**
 * When all files are there: default ACLs of directories (archives that have some), merging into an existing
 * tree, and last the metadata of the basepath directory itself.
 */
export async function finishRestore(context: WorkerContext, run: JobRun, job: RestoreJob, manifest: Manifest): Promise<RestoreResult> {
  const restored = await childResults(run);
  const target = await currentTarget(context, job);
  const problems = restored.flatMap((part) => part.problems);
  for (const key of directoryPasses(restored.map((part) => archiveOf(manifest, part.archive)))) {
    problems.push(...(await directoryPass(context, run, job, manifest, key, target.extractTo)));
  }
  const verified = await verify(context, run, job, manifest, target.extractTo);
  problems.push(...verified.problems);
  if (job.paths.length === 0) problems.push(...(await applyMetadataArchive(context, run, job, manifest, target.extractTo)));
  if (target.mergeInto !== null) problems.push(...(await mergeInPlace(target.extractTo, target.mergeInto, job.conflict)));
  const unlisted = verified.problemCount - verified.problems.length;
  const result = summarise(job, manifest, restored, problems, unlisted);
  await record(context, job, result);
  await orderStagingSweeps(context.queues, context.runs, { id: job.restoreId, basepathId: job.basepathId });
  return result;
}

/**
 * Archives whose directories are set once more, in restore order: from the first one on that has directories with
 * attributes, because a later archive may hold a newer state of the same directory.
 */
export function directoryPasses(archives: readonly Pick<ManifestArchive, 'key' | 'restoreOrder' | 'directoriesWithEa'>[]): string[] {
  const inOrder = [...archives].sort((a, b) => a.restoreOrder - b.restoreOrder || (a.key < b.key ? -1 : 1));
  const firstOrder = inOrder.find((archive) => archive.directoriesWithEa > 0)?.restoreOrder;
  if (firstOrder === undefined) return [];
  return inOrder.filter((archive) => archive.directoriesWithEa > 0 || archive.restoreOrder > firstOrder).map((archive) => archive.key);
}

async function childResults(run: JobRun): Promise<ArchiveRestored[]> {
  return Object.values(await run.job.getChildrenValues()).map((value: unknown) => archiveRestoredSchema.parse(value));
}

async function directoryPass(
  context: WorkerContext,
  run: JobRun,
  job: RestoreJob,
  manifest: Manifest,
  key: string,
  extractTo: string,
): Promise<RestoreProblem[]> {
  const archive = archiveOf(manifest, key);
  const base = await openArchive(context, archive, join(job.restoreId, 'directories'), run.signal);
  const secretsDir = await context.staging.createStart(job.restoreId, `${key}-directories`);
  const done = await extract({
    base,
    root: bytePath.fromText(extractTo),
    dar: configuredTopdir(context.config, manifest.source.topdir).dar,
    includePaths: job.paths.map(fromPathJson),
    pass: 'directories',
    logFile: join(secretsDir, 'extract.log'),
    secretsDir,
    signal: run.signal,
  });
  return attributeProblems(archive.name, done.problems);
}

/** index.racyWindow of the design: timestamps are trustworthy only some time after the fact. */
const RACY_WINDOW_SECONDS = 60;

/** Looks at what is there now, path by path, whatever dar said. */
async function verify(context: WorkerContext, run: JobRun, job: RestoreJob, manifest: Manifest, target: string): Promise<Verified> {
  return verifyRestored({
    indexFile: context.catalog.file(manifest, manifest.index),
    paths: job.paths.map(fromPathJson),
    target,
    tempDir: await context.staging.createStart(job.restoreId, 'verify'),
    options: { owners: process.getuid?.() === 0, racySince: Date.parse(manifest.capturedAt) / 1000 - RACY_WINDOW_SECONDS },
    signal: run.signal,
  });
}

async function applyMetadataArchive(
  context: WorkerContext,
  run: JobRun,
  job: RestoreJob,
  manifest: Manifest,
  extractTo: string,
): Promise<RestoreProblem[]> {
  const archive = manifest.archives.find((candidate) => candidate.kind === 'metadata');
  if (archive === undefined) return [];
  const base = await openArchive(context, archive, join(job.restoreId, 'metadata'), run.signal);
  const skeleton = await context.staging.createStart(job.restoreId, 'skeleton');
  const secretsDir = await context.staging.createStart(job.restoreId, 'metadata-work');
  const dar = configuredTopdir(context.config, manifest.source.topdir).dar;
  const logFile = join(secretsDir, 'extract.log');
  const done = await extract({ base, root: bytePath.fromText(skeleton), dar, pass: 'plain', logFile, secretsDir, signal: run.signal });
  const from = bytePath.fromText(join(skeleton, METADATA_DIRECTORY));
  const same = await copyDirectoryMetadata({ from, to: bytePath.fromText(extractTo), stream: join(secretsDir, 'metadata.tar'), signal: run.signal });
  const problems = attributeProblems(archive.name, done.problems);
  return same ? problems : [...problems, { where: '.', problem: 'owner, mode, ACL or xattrs of the basepath directory itself could not all be restored' }];
}

function summarise(job: RestoreJob, manifest: Manifest, restored: readonly ArchiveRestored[], problems: readonly RestoreProblem[], unlisted: number): RestoreResult {
  const cut = restored.reduce((sum, part) => sum + part.problemCount - part.problems.length, unlisted);
  const all = [...problems, ...unsavedPaths(manifest)];
  return {
    restoreId: job.restoreId,
    backupId: manifest.backupId,
    target: job.target,
    outcome: all.length + cut === 0 ? 'clean' : 'with-exceptions',
    archives: restored.length,
    archiveBytes: restored.reduce((sum, part) => sum + part.bytes, 0),
    problems: all.slice(0, MAX_PROBLEMS),
    problemCount: all.length + cut,
  };
}

/** What the backup itself could not save is missing from every restore of it: say so. */
function unsavedPaths(manifest: Manifest): RestoreProblem[] {
  const { exceptions } = manifest.counts;
  if (exceptions === 0) return [];
  return [{ where: manifest.backupId, problem: `the backup was sealed with ${exceptions} exceptions (bw-bkup exceptions ${manifest.backupId} names them)` }];
}

async function record(context: WorkerContext, job: RestoreJob, result: RestoreResult): Promise<void> {
  const state = await context.runs.read(job.restoreId);
  const endedAt = context.now().toISOString();
  await context.journal.append({
    kind: 'restore-ended',
    restoreId: job.restoreId,
    backupId: job.backupId,
    basepathId: job.basepathId,
    target: toPathJson(bytePath.fromText(job.target)),
    outcome: result.outcome,
    error: null,
    startedAt: state?.startedAt ?? endedAt,
    endedAt,
    bytes: String(result.archiveBytes),
    files: state?.records ?? 0,
  });
  const wallMs = Date.parse(endedAt) - Date.parse(state?.startedAt ?? endedAt);
  context.metrics.restoreFinished({ outcome: result.outcome, bytes: result.archiveBytes, wallMs });
  await context.runs.end(job.restoreId, { phase: 'done', outcome: result.outcome, endedAt });
}
