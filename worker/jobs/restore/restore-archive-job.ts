import { extract } from '../../../shared/dar/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { parseJob, restoreArchiveJobSchema, restoreJobSchema, type RestoreJob } from '../../../shared/queues/job-data.js';
import { MAX_PROBLEMS, type ArchiveRestored } from '../../../shared/runs/restore-result.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { archiveOf, openArchive } from './open-archive.js';
import { attributeProblems } from './problems.js';
import { currentTarget } from './target.js';

/**
 * Extracts one archive. Repeating it has the same effect: dar overwrites what an earlier start wrote. Default ACLs are
 * left out here and set when all files are there, else they would grant rights the files did not have.
 */
export async function restoreArchiveJob(context: WorkerContext, run: JobRun): Promise<ArchiveRestored> {
  const data = parseJob(restoreArchiveJobSchema, run.job.data, run.job.id);
  const request = await requestOf(context, data.restoreId);
  const manifest = await context.catalog.readManifest(request.basepathId, request.backupId);
  const archive = archiveOf(manifest, data.archive);
  const base = await openArchive(context, archive, data.restoreId, run.signal);
  const { extractTo } = await currentTarget(context, request);
  const secretsDir = await context.staging.createStart(data.restoreId, `${archive.key}-work`);
  const done = await extract({
    base,
    root: bytePath.fromText(extractTo),
    dar: configuredTopdir(context.config, manifest.source.topdir).dar,
    includePaths: request.paths.map(fromPathJson),
    pass: 'default-acls-excluded',
    logFile: `${secretsDir}/extract.log`,
    secretsDir,
    signal: run.signal,
  });
  run.signal.throwIfAborted();
  const bytes = archive.slices.reduce((sum, slice) => sum + slice.bytes, 0);
  await context.runs.reportPart(data.restoreId, archive.key, { entries: archive.entries, doneBytes: bytes, archiveBytes: 0 });
  const problems = attributeProblems(archive.name, done.problems);
  for (const problem of problems) run.logger.warn({ problem }, 'dar could not restore attributes');
  if (done.exitCode !== 0) run.logger.warn({ exitCode: done.exitCode, said: done.problems.slice(0, 20).map((line) => showPath(bytePath.fromBuffer(line))) }, 'dar complained');
  return { archive: archive.key, bytes, problems: problems.slice(0, MAX_PROBLEMS), problemCount: problems.length };
}

/** The request stands in the parent's job data. */
async function requestOf(context: WorkerContext, restoreId: string): Promise<RestoreJob> {
  const state = await context.runs.read(restoreId);
  const parent = state === null ? undefined : await context.queues.backup.getJob(state.jobId);
  if (parent !== undefined) return parseJob(restoreJobSchema, parent.data, parent.id);
  throw new BwError('RUN_GONE', {
    message: 'the restore this archive belongs to is not on record',
    subject: `restore ${restoreId}`,
    retry: 'permanent',
    hint: 'Start the restore again, into a new directory.',
  });
}
