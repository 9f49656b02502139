import type { z } from 'zod';
import { resolve } from 'node:path';
import { compareTrees } from '../../shared/compare/index.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { bytePath, showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../shared/paths/path-json.js';
import { parseJob, restoreJobSchema, type RestoreJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { failRun } from '../../shared/runs/fail-run.js';
import { restoreInto } from '../../shared/runs/restores-on-record.js';
import { restoreResultSchema, type RestoreResult } from '../../shared/runs/restore-result.js';
import { formatBytes, formatCount } from '../../shared/terminal/index.js';
import type { Ended } from '../scheduler/watch-jobs.js';
import { jobExitCode } from './job-exit-code.js';
import { restoreOutput } from './outputs.js';
import { plural, print, printJson, say } from './print.js';
import { checkRestoreOptions, restoreRequest, type RestoreOptions } from './restore-request.js';
import { openSession, type Session, type StartLocal } from './session.js';
import { openSite, usage } from './site.js';
import { catchStop, type StopSignal } from './stop-signal.js';
import type { TopdirRestoreOptions } from './topdir-restore/options.js';
import { waitForJob } from './wait-for-job.js';

type Output = z.infer<typeof restoreOutput>;

/** Reason on record of a restore that its operator interrupted. */
const CANCELLED = 'RESTORE_CANCELLED';

/** `bw-bkup restore`: of a basepath, or of every basepath of a topdir. */
export async function restoreCommand(name: string | undefined, options: TopdirRestoreOptions, startLocal: StartLocal): Promise<number> {
  if ((name === undefined) === (options.topdir === undefined)) throw usage('restore needs either a BASEPATH or --topdir DIR');
  if (name === undefined && options.dryRun === true) return (await import('./restore-dry-run/command.js')).topdirDryRun(options);
  if (name === undefined) return (await import('./topdir-restore/command.js')).topdirRestoreCommand(options, startLocal);
  const alien = (['order', 'orderBy', 'concurrency'] as const).find((each) => options[each] !== undefined);
  if (alien !== undefined) throw usage(`--${alien === 'orderBy' ? 'order-by' : alien} goes with --topdir`);
  return restoreBasepath(name, options, startLocal);
}

/** `bw-bkup restore BASEPATH --to DIR`: as a job, before everything else in the queue; waits for it unless --detach. */
async function restoreBasepath(name: string, options: RestoreOptions, startLocal: StartLocal): Promise<number> {
  await checkRestoreOptions(options);
  if (options.dryRun === true) return (await import('./restore-dry-run/command.js')).restoreDryRun(name, options);
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const asked = await restoreRequest(site, name, options);
  const session = await openSession(site, options, startLocal);
  const stop = catchStop((signal) => { if (session.local) say(`${signal}: stopping the restore.`); });
  try {
    return await restore(session, (await stillRunning(session, asked)) ?? asked, options, stop);
  } finally {
    await session.close(stop.signal);
  }
}

/** Whether there is something in the directory to go on with. */
async function hasBegun({ catalog }: Session, { restoreId, target }: RestoreJob): Promise<boolean> {
  const newest = await restoreInto(catalog.journalDir, toPathJson(bytePath.fromText(target)), () => undefined);
  return newest?.begun.restoreId === restoreId;
}

/** The restore into this directory if it has not ended, as after a kill: then it goes on by itself, and is waited for. */
async function stillRunning(session: Session, { resumes, target }: RestoreJob): Promise<RestoreJob | null> {
  if (resumes === undefined) return null;
  for (const { kind, jobId } of await session.runs.running()) {
    const job = kind === 'restore' ? await session.queues.backup.getJob(jobId) : undefined;
    const data = job === undefined ? null : parseJob(restoreJobSchema, job.data, job.id);
    if (data?.target !== target) continue;
    say(`Restore ${data.restoreId} into ${target} has not ended and goes on.`);
    return data;
  }
  return null;
}

async function restore(session: Session, request: RestoreJob, options: RestoreOptions, stop: StopSignal): Promise<number> {
  const jobId = `restore.${request.restoreId}`;
  await session.queues.backup.add('restore', request, { jobId, priority: priorityOf('restore'), attempts: 2 });
  let ended = options.detach === true && !session.local ? null : await waitForJob(session, jobId, options, stop.signal);
  if (ended === null && stop.signal.aborted && session.local) ended = await cancel(session, request.restoreId, jobId);
  const output = await outputOf(request, ended, options);
  if (options.json === true) printJson(restoreOutput, output);
  else printPeople(output);
  if (output.state === 'failed' && options.json !== true && (await hasBegun(session, request))) {
    print('  To go on with it: the same command with --resume instead of --backup, --at and --path.');
  }
  return stop.signal.aborted ? stop.exitCode() : exitCode(output);
}

/** Nobody else works here: left in the queue, it would write into the target whenever the next command starts a worker. */
async function cancel(session: Session, restoreId: string, jobId: string): Promise<Ended> {
  await session.stopWork();
  const { journalDir } = session.catalog;
  const journal = await openJournal(journalDir, writerName(session.config.host, process.pid));
  const error = { code: CANCELLED, message: 'stopped by its operator; what was restored so far stays in the target (--resume goes on with it)' };
  await failRun({ runs: session.runs, queues: session.queues, journal, config: session.config, now: () => new Date() }, restoreId, error);
  await journal.close();
  const job = await session.queues.backup.getJob(jobId);
  await job?.remove();
  return { jobId, state: 'failed', reason: `${error.code}: ${error.message}`, returnValue: null };
}

async function outputOf(request: RestoreJob, ended: Ended | null, options: RestoreOptions): Promise<Output> {
  const base = { v: 1 as const, restoreId: request.restoreId, backupId: request.backupId, target: request.target };
  const nothing = { outcome: null, archives: 0, archiveBytes: 0, skipped: 0, problemCount: 0, problems: [], compared: null };
  if (ended === null) return { ...base, ...nothing, state: 'enqueued', error: null };
  if (ended.state === 'failed') return { ...base, ...nothing, state: 'failed', error: ended.reason ?? 'unknown' };
  const result: RestoreResult = restoreResultSchema.parse(ended.returnValue);
  const { outcome, archives, archiveBytes, skipped, problemCount, problems } = result;
  const compared = options.compare === undefined ? null : await compareWith(resolve(options.compare), request.target);
  return { ...base, state: 'done', outcome, archives, archiveBytes, skipped, problemCount, problems, compared, error: null };
}

async function compareWith(source: string, target: string): Promise<Output['compared']> {
  const result = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
  const { same, compared, totalDifferences } = result;
  const differences = result.differences.map(({ path, field, left, right }) => ({ path: toPathJson(path), field, left, right }));
  return { same, entries: compared.entries, bytes: compared.bytes, totalDifferences, differences };
}

function printPeople(output: Output): void {
  if (output.state === 'enqueued') print(`Restore ${output.restoreId} is enqueued. Follow it with: bw-bkup status`);
  if (output.state === 'failed') print(`Restore ${output.restoreId} failed: ${output.error ?? 'unknown'}`);
  if (output.state !== 'done') return;
  const skipped = output.skipped === 0 ? '' : `, ${plural(output.skipped, 'file')} there already`;
  const amount = `${plural(output.archives, 'archive')}, ${formatBytes(output.archiveBytes)}${skipped}`;
  print(`Restored backup ${output.backupId} into ${output.target}: ${output.outcome ?? ''}, ${amount}.`);
  for (const { where, problem } of output.problems) print(`  ${where}: ${problem}`);
  if (output.problemCount > output.problems.length) print(`  and ${formatCount(output.problemCount - output.problems.length)} more, see the log`);
  printCompared(output.compared);
}

function printCompared(compared: Output['compared']): void {
  if (compared === null) return;
  const looked = `${plural(compared.entries, 'entry', 'entries')}, ${formatBytes(compared.bytes)}`;
  print(compared.same ? `Compared with the source: identical (${looked}).` : `Compared with the source: ${plural(compared.totalDifferences, 'difference')} (${looked}).`);
  for (const { path, field, left, right } of compared.differences.slice(0, 20)) print(`  ${showPath(fromPathJson(path))}: ${field} ${left} -> ${right}`);
}

function exitCode(output: Output): number {
  if (output.state === 'failed') return jobExitCode(output.error);
  if (output.compared?.same === false) return EXIT.failed;
  return output.outcome === 'with-exceptions' ? EXIT.exceptions : EXIT.ok;
}
