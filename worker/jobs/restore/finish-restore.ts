import { join } from 'node:path';
import { z } from 'zod';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { archiveKey, extract } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../../shared/paths/path-json.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import { archiveRestoredSchema, MAX_PROBLEMS, restoreResultSchema, type ArchiveRestored, type RestoreProblem, type RestoreResult } from '../../../shared/runs/restore-result.js';
import { orderStagingSweeps } from '../../../shared/runs/order-sweeps.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import { METADATA_DIRECTORY } from '../shard/metadata-archive.js';
import type { JobRun } from '../../processor/run-job.js';
import { copyDirectoryMetadata } from '../../directory-metadata/directory-metadata.js';
import { openArchive } from './open-archive.js';
import type { OpenRestore } from './open-restore.js';
import { attributeProblems } from './problems.js';
import { racySinceOf } from './racy-since.js';
import { removeUnwanted } from './remove-unwanted.js';
import { mergeInPlace, removeMerged } from './merge-in-place.js';
import { setDirectories } from './set-directories.js';
import { currentTarget } from './target.js';
import { verifyRestored, type Verified } from './verify-restored.js';

/** `isMerged`: the tree that was merged into another goes. Noted before it does, because nothing can be looked at in one that is partly gone. */
const notedSchema = restoreResultSchema.extend({ isMerged: z.boolean().default(false) });
type Noted = z.infer<typeof notedSchema>;

/**
 * When all files are there: what came along without being wanted, default ACLs and metadata of directories, merging into an existing
 * tree, and last the metadata of the basepath directory itself.
 */
export async function finishRestore(context: WorkerContext, run: JobRun, restore: OpenRestore): Promise<RestoreResult> {
  const { request: job, plan } = restore;
  const restored = await childResults(run);
  const target = await currentTarget(context, job);
  const problems = restored.flatMap((part) => part.problems);
  if (plan.inexact) await removeUnwanted(context, restore, target.extractTo, run.signal);
  problems.push(...(await setDirectories(context, restore, target.extractTo, run.signal)));
  const verified = await verify(context, run, restore, target.extractTo);
  problems.push(...verified.problems);
  if (job.paths.length === 0) problems.push(...(await applyMetadataArchive(context, run, restore, target.extractTo)));
  const unmerged = target.mergeInto === null ? [] : await mergeInPlace(target.extractTo, target.mergeInto, job.conflict);
  problems.push(...unmerged);
  const unlisted = verified.problemCount - verified.problems.length;
  const noted: Noted = { ...summarise(restore, restored, problems, unlisted), isMerged: target.mergeInto !== null && unmerged.length === 0 };
  await context.runs.noteResult(job.restoreId, JSON.stringify(noted));
  return endRestore(context, job, noted);
}

/** Puts the end on record, and gives back what it held. Repeating it has no further effect. */
async function endRestore(context: WorkerContext, job: RestoreJob, { isMerged, ...result }: Noted): Promise<RestoreResult> {
  if (isMerged) await removeMerged((await currentTarget(context, job)).extractTo);
  await record(context, job, result);
  await context.catalog.removeWork(job.restoreId);
  await orderStagingSweeps(context.queues, context.runs, { id: job.restoreId, basepathId: job.basepathId });
  return result;
}

/** The start that finished it died before its job was completed: its work may be gone, and what it merged is no more where it was extracted. Null: it is not finished. */
export async function finishedBefore(context: WorkerContext, job: RestoreJob): Promise<RestoreResult | null> {
  const noted = await context.runs.result(job.restoreId);
  return noted === null ? null : endRestore(context, job, notedSchema.parse(JSON.parse(noted)));
}

async function childResults(run: JobRun): Promise<ArchiveRestored[]> {
  return Object.values(await run.job.getChildrenValues()).map((value: unknown) => archiveRestoredSchema.parse(value));
}

/** Looks at what is there now, path by path, whatever dar said. */
async function verify(context: WorkerContext, run: JobRun, { request, chain, layers }: OpenRestore, target: string): Promise<Verified> {
  return verifyRestored({
    layers,
    paths: request.paths.map(fromPathJson),
    target,
    tempDir: await context.staging.createStart(request.restoreId, 'verify'),
    owners: process.getuid?.() === 0,
    racySince: racySinceOf(chain),
    signal: run.signal,
  });
}

/** Below the restore's part of staging. */
const METADATA_STARTS: ReadonlySet<string> = new Set(['metadata', 'skeleton', 'metadata-work']);

/** Of the newest backup of the chain that has one: others did not find it changed. */
async function applyMetadataArchive(context: WorkerContext, run: JobRun, { request, chain }: OpenRestore, extractTo: string): Promise<RestoreProblem[]> {
  const manifest = [...chain].reverse().find(({ archives }) => archives.some(({ kind }) => kind === 'metadata'));
  const archive = manifest?.archives.find(({ kind }) => kind === 'metadata');
  if (manifest === undefined || archive === undefined) return [];
  const { restoreId } = request;
  // A start that died here leaves them, and dar and the links begin in empty ones.
  await context.staging.removeStarts(restoreId, (name) => METADATA_STARTS.has(name));
  const base = await openArchive(context, archive, join(restoreId, 'metadata'), run.signal);
  const skeleton = await context.staging.createStart(restoreId, 'skeleton');
  const secretsDir = await context.staging.createStart(restoreId, 'metadata-work');
  const dar = archiveKey(configuredTopdir(context.config, manifest.source.topdir).dar, archive);
  const logFile = join(secretsDir, 'extract.log');
  const done = await extract({ base, root: bytePath.fromText(skeleton), dar, pass: 'plain', logFile, secretsDir, signal: run.signal });
  const from = bytePath.fromText(join(skeleton, METADATA_DIRECTORY));
  const same = await copyDirectoryMetadata({ from, to: bytePath.fromText(extractTo), stream: join(secretsDir, 'metadata.tar'), signal: run.signal });
  const problems = attributeProblems(archive.name, done.problems);
  return same ? problems : [...problems, { where: '.', problem: 'owner, mode, ACL or xattrs of the basepath directory itself could not all be restored' }];
}

function summarise({ request: job, chain, plan }: OpenRestore, restored: readonly ArchiveRestored[], problems: readonly RestoreProblem[], unlisted: number): RestoreResult {
  const manifest = chain.at(-1) as Manifest;
  const cut = restored.reduce((sum, part) => sum + part.problemCount - part.problems.length, unlisted);
  const all = [...problems, ...unsavedPaths(manifest)];
  return {
    restoreId: job.restoreId,
    backupId: manifest.backupId,
    target: job.target,
    outcome: all.length + cut === 0 ? 'clean' : 'with-exceptions',
    archives: restored.length,
    archiveBytes: restored.reduce((sum, part) => sum + part.bytes, 0),
    skipped: plan.skipped,
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
  if (state?.phase === 'done') return;
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
