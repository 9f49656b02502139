import { BwError } from '../../../shared/errors/bw-error.js';
import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import type { ExtractSpec } from '../../../shared/dar/index.js';
import { parseJob, restoreArchiveJobSchema } from '../../../shared/queues/job-data.js';
import { MAX_PROBLEMS, type ArchiveRestored } from '../../../shared/runs/restore-result.js';
import { NOT_RECALLED } from '../../../shared/transfer/recall.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { extractPart } from './extract-part.js';
import { archiveOf } from './open-archive.js';
import { manifestOf, openRestoreOf, restoreGone } from './open-restore.js';
import { attributeProblems } from './problems.js';
import { neededSlices, orderAndPark, untilRecalled } from './recall.js';
import { reportWhile } from './report-progress.js';
import { currentTarget } from './target.js';

/**
 * Extracts what one archive gives. Repeating it has the same effect: dar overwrites what an earlier start wrote. Default ACLs are
 * left out here and set when all files are there, else they would grant rights the files did not have.
 */
export async function restoreArchiveJob(context: WorkerContext, run: JobRun): Promise<ArchiveRestored> {
  const data = parseJob(restoreArchiveJobSchema, run.job.data, run.job.id);
  const restore = await openRestoreOf(context, data.restoreId, run.signal);
  const part = restore.plan.parts[data.part];
  if (part === undefined) throw restoreGone(data.restoreId);
  const archive = archiveOf(manifestOf(restore, part.backupId), part.archive);
  const needed = await neededSlices(restore, data.part);
  await untilRecalled(context, run, archive, needed, restore.plan.parts.length);
  const { extractTo } = await currentTarget(context, restore.request);
  const bytes = archive.slices.reduce((sum, slice) => sum + slice.bytes, 0);
  const reported = { restoreId: data.restoreId, part: data.part, entries: part.entries ?? archive.entries, bytes };
  const over = new AbortController();
  const signal = AbortSignal.any([run.signal, over.signal]);
  const onStart: ExtractSpec['onStart'] = (child) => reportWhile(context, reported, child, () => { over.abort(); });
  const done = await extractPart({ context, restore, part, to: extractTo, pass: 'default-acls-excluded', only: part.records, signal, onStart, needed, impatient: true }).catch((thrown: unknown) => {
    if (over.signal.aborted) throw restoreGone(data.restoreId);
    if (thrown instanceof BwError && thrown.code === NOT_RECALLED && !run.signal.aborted) return orderAndPark(context, run, archive, needed, restore.plan.parts.length);
    throw thrown;
  });
  run.signal.throwIfAborted();
  await context.runs.reportPart(data.restoreId, `part-${data.part}`, { entries: reported.entries, doneBytes: bytes, archiveBytes: 0 });
  const problems = attributeProblems(archive.name, done.problems);
  for (const problem of problems) run.logger.warn({ problem }, 'dar could not restore attributes');
  if (done.exitCode !== 0) run.logger.warn({ exitCode: done.exitCode, said: done.problems.slice(0, 20).map((line) => showPath(bytePath.fromBuffer(line))) }, 'dar complained');
  return { part: data.part, bytes, problems: problems.slice(0, MAX_PROBLEMS), problemCount: problems.length };
}
