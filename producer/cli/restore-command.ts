import { resolve } from 'node:path';
import { ulid } from 'ulid';
import type { z } from 'zod';
import type { Manifest } from '../../shared/catalog/index.js';
import { compareTrees } from '../../shared/compare/index.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { bytePath, showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../shared/paths/path-json.js';
import { checkRestoreTarget } from '../../shared/paths/restore-target.js';
import { JOB_VERSION, type RestoreJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { workerConnection } from '../../shared/redis/connect.js';
import { restoreResultSchema, type RestoreResult } from '../../shared/runs/restore-result.js';
import { formatBytes, formatCount } from '../../shared/terminal/index.js';
import { watchJobs, type Ended } from '../scheduler/watch-jobs.js';
import { resolveBasepath } from './find-basepath.js';
import { restoreOutput } from './outputs.js';
import { print, printJson } from './print.js';
import { showProgress } from './show-progress.js';
import { openSession, usage, type CommonOptions, type Session, type StartLocal } from './session.js';

export interface RestoreOptions extends CommonOptions {
  readonly to?: string;
  readonly backup?: string;
  readonly path?: readonly string[];
  readonly inPlace?: boolean;
  readonly onConflict?: 'keep' | 'rename' | 'overwrite';
  readonly compare?: string;
  readonly detach?: boolean;
}

type Output = z.infer<typeof restoreOutput>;

/** `bw-bkup restore BASEPATH --to DIR`: as a job, before everything else in the queue; waits for it unless --detach. */
export async function restoreCommand(name: string, options: RestoreOptions, startLocal: StartLocal): Promise<number> {
  checkOptions(options);
  const session = await openSession(options, startLocal);
  try {
    const request = await requestFor(session, name, options);
    const jobId = `restore.${request.restoreId}`;
    await session.queues.backup.add('restore', request, { jobId, priority: priorityOf('restore'), attempts: 2 });
    const ended = options.detach === true && !session.local ? null : await waitFor(session, jobId, options);
    const output = await outputOf(request, ended, options);
    if (options.json === true) printJson(restoreOutput, output);
    else printPeople(output);
    return exitCode(output);
  } finally {
    await session.close();
  }
}

function checkOptions(options: RestoreOptions): void {
  if ((options.to === undefined) === (options.inPlace !== true)) throw usage('give either --to DIR or --in-place');
  if (options.inPlace === true && options.onConflict === undefined) {
    throw usage('--in-place needs --on-conflict keep|rename|overwrite', 'keep: existing files stay; rename: they become NAME.~1~; overwrite: they are replaced.');
  }
  if (options.inPlace !== true && options.onConflict !== undefined) throw usage('--on-conflict goes with --in-place');
}

async function requestFor(session: Session, name: string, options: RestoreOptions): Promise<RestoreJob> {
  const manifest = await chooseBackup(session, name, options.backup);
  const target = options.to === undefined ? originalPlace(manifest) : resolve(options.to);
  await checkRestoreTarget(target, session.config.restore.allowedTargets);
  return {
    v: JOB_VERSION,
    restoreId: ulid(),
    basepathId: manifest.basepathId,
    backupId: manifest.backupId,
    target,
    paths: (options.path ?? []).map((path) => toPathJson(bytePath.fromText(path.replace(/^\.\//, '').replace(/\/+$/, '')))),
    conflict: options.onConflict ?? 'refuse',
  };
}

async function chooseBackup(session: Session, name: string, backup: string | undefined): Promise<Manifest> {
  const { basepathId } = await resolveBasepath(session, name);
  if (backup !== undefined) {
    const manifest = await session.catalog.findBackup(backup);
    if (manifest.basepathId !== basepathId) throw usage(`backup ${manifest.backupId} is of another basepath (${manifest.basepathId})`);
    return manifest;
  }
  const newest = await session.catalog.newestSealed(basepathId, (error) => { session.logger.warn({ err: error }, 'manifest not usable'); });
  if (newest !== null) return newest;
  throw new BwError('NO_BACKUP', {
    message: 'this basepath has no sealed backup',
    subject: name,
    retry: 'permanent',
    hint: 'See `bw-bkup status` for why; make one with `bw-bkup backup BASEPATH --wait`.',
  });
}

/** In place means where it came from; that path must be text to be given to other tools. */
function originalPlace(manifest: Manifest): string {
  const { path } = manifest.source;
  if (typeof path === 'string') return path;
  throw usage(`the basepath's name is not UTF-8 (${showPath(fromPathJson(path))}): restore it with --to DIR`);
}

async function waitFor(session: Session, jobId: string, options: RestoreOptions): Promise<Ended> {
  const progress = showProgress(session.runs, options);
  let ended: Ended | null = null;
  try {
    await watchJobs(session.queues, workerConnection(session.config), new Set([jobId]), (each) => (ended = each));
  } finally {
    await progress.stop();
  }
  return ended ?? { jobId, state: 'failed', reason: 'JOB_GONE: the job vanished', returnValue: null };
}

async function outputOf(request: RestoreJob, ended: Ended | null, options: RestoreOptions): Promise<Output> {
  const base = { v: 1 as const, restoreId: request.restoreId, backupId: request.backupId, target: request.target };
  const nothing = { outcome: null, archives: 0, archiveBytes: 0, problemCount: 0, problems: [], compared: null };
  if (ended === null) return { ...base, ...nothing, state: 'enqueued', error: null };
  if (ended.state === 'failed') return { ...base, ...nothing, state: 'failed', error: ended.reason ?? 'unknown' };
  const result: RestoreResult = restoreResultSchema.parse(ended.returnValue);
  const { outcome, archives, archiveBytes, problemCount, problems } = result;
  const compared = options.compare === undefined ? null : await compareWith(resolve(options.compare), request.target);
  return { ...base, state: 'done', outcome, archives, archiveBytes, problemCount, problems, compared, error: null };
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
  print(`Restored backup ${output.backupId} into ${output.target}: ${output.outcome ?? ''}, ${output.archives} archives, ${formatBytes(output.archiveBytes)}.`);
  for (const { where, problem } of output.problems) print(`  ${where}: ${problem}`);
  if (output.problemCount > output.problems.length) print(`  and ${formatCount(output.problemCount - output.problems.length)} more, see the log`);
  printCompared(output.compared);
}

function printCompared(compared: Output['compared']): void {
  if (compared === null) return;
  const looked = `${formatCount(compared.entries)} entries, ${formatBytes(compared.bytes)}`;
  print(compared.same ? `Compared with the source: identical (${looked}).` : `Compared with the source: ${formatCount(compared.totalDifferences)} differences (${looked}).`);
  for (const { path, field, left, right } of compared.differences.slice(0, 20)) print(`  ${showPath(fromPathJson(path))}: ${field} ${left} -> ${right}`);
}

function exitCode(output: Output): number {
  if (output.state === 'failed') return EXIT.failed;
  if (output.compared?.same === false) return EXIT.failed;
  return output.outcome === 'with-exceptions' ? EXIT.exceptions : EXIT.ok;
}
