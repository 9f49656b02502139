import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { Manifest } from '../../shared/catalog/index.js';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';
import { EXIT, type ExitCode } from '../../shared/errors/exit-codes.js';
import { formatBytes } from '../../shared/terminal/index.js';
import { verifyResultSchema, type VerifyLevel, type VerifyResult } from '../../shared/verify/result.js';
import { enqueueVerify } from '../scheduler/enqueue-verify.js';
import { resolveBasepath } from './find-basepath.js';
import { jobExitCode } from './job-exit-code.js';
import { plural, print, printJson, say } from './print.js';
import { openSession, type Session, type StartLocal } from './session.js';
import { showProgress } from './show-progress.js';
import { openSite, usage, type CommonOptions, type Site } from './site.js';
import { catchStop, type StopSignal } from './stop-signal.js';
import { verifyOutput } from './verify-outputs.js';

export interface VerifyOptions extends CommonOptions {
  readonly level?: VerifyLevel;
  readonly sample?: string;
  readonly seed?: string;
  readonly recall?: boolean;
  readonly wait?: boolean;
}

type Output = z.infer<typeof verifyOutput>;
type Row = Output['verifications'][number];
type Ordered = Awaited<ReturnType<typeof enqueueVerify>>;

const POLL_MS = 200;

/** `bw-bkup verify [BASEPATH|BACKUP]`: whether sealed backups are what was sealed. As jobs in the cleanup queue; exit 1 when one found damage, 4 when all were removed meanwhile. */
export async function verifyCommand(name: string | undefined, options: VerifyOptions, startLocal: StartLocal): Promise<number> {
  const samplePercent = percentOf(options.sample ?? '100%');
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifests = await wanted(site, name);
  const session = await openSession(site, options, startLocal);
  const stop = catchStop((signal) => { if (session.local) say(`${signal}: what is being verified is given back.`); });
  try {
    const ordered: Ordered[] = [];
    for (const { basepathId, backupId } of manifests) {
      const request = { basepathId, backupId, level: options.level ?? 'manifest', samplePercent, recall: options.recall ?? false };
      ordered.push(await enqueueVerify(session.queues, options.seed === undefined ? request : { ...request, seed: options.seed }));
    }
    const rows = options.wait === true || session.local ? await waitForAll(session, ordered, options, stop) : ordered.map((each) => rowOf(each, null, null));
    const output: Output = { v: 1, verifications: rows };
    if (options.json === true) printJson(verifyOutput, output);
    else printPeople(output);
    return stop.signal.aborted ? stop.exitCode() : exitCode(rows);
  } finally {
    stop.release();
    await session.close(stop.signal);
  }
}

/** `1%`, `0.5%` or a number. Throws USAGE. */
export function percentOf(text: string): number {
  const number = /^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1];
  if (number !== undefined && Number(number) > 0 && Number(number) <= 100) return Number(number);
  throw usage(`--sample ${text} is not a share`, 'Write it like 5%: more than 0 and at most 100.');
}

/** A backup by id, the newest one of a basepath, or without a name those of all basepaths. Throws BASEPATH_UNKNOWN, BACKUP_*, NO_BACKUP. */
async function wanted(site: Site, name: string | undefined): Promise<Pick<Manifest, 'basepathId' | 'backupId'>[]> {
  if (name === undefined) {
    const newest = await Promise.all((await site.catalog.listBasepathIds()).map((id) => newestOf(site, id)));
    const found = newest.filter((manifest) => manifest !== null);
    if (found.length === 0) throw noBackup('the catalog');
    return found;
  }
  const basepath = await resolveBasepath(site, name).catch((thrown: unknown) => toBwError(thrown));
  if (!(basepath instanceof BwError)) return [(await newestOf(site, basepath.basepathId)) ?? fail(noBackup(name))];
  if (!/^[0-9A-HJKMNP-TV-Z]{4,26}$/i.test(name)) throw basepath;
  return [await site.catalog.findBackup(name)];
}

function newestOf(site: Site, basepathId: string): Promise<Manifest | null> {
  return site.catalog.newestSealed(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
}

function fail(error: BwError): never {
  throw error;
}

function noBackup(name: string): BwError {
  return new BwError('NO_BACKUP', { message: 'there is no sealed backup to verify', subject: name, retry: 'permanent', hint: 'See `bw-bkup status` for why; make one with `bw-bkup backup BASEPATH --wait`.' });
}

async function waitForAll(session: Session, ordered: readonly Ordered[], options: CommonOptions, stop: StopSignal): Promise<Row[]> {
  const progress = showProgress(session.runs, options, (run) => run.kind === 'verify');
  try {
    const rows: Row[] = [];
    for (const each of ordered) rows.push(await waitForOne(session, each, stop.signal));
    return rows;
  } finally {
    await progress.stop();
  }
}

async function waitForOne({ queues }: Session, ordered: Ordered, signal: AbortSignal): Promise<Row> {
  while (!signal.aborted) {
    const job = await queues.cleanup.getJob(ordered.jobId);
    if (job === undefined) return rowOf(ordered, null, 'JOB_GONE: the job is not in the queue any more');
    if (job.finishedOn !== undefined && (await job.isFailed())) return rowOf(ordered, null, job.failedReason);
    if (job.finishedOn !== undefined) return rowOf(ordered, verifyResultSchema.parse(job.returnvalue), null);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return rowOf(ordered, null, null);
}

function rowOf({ verifyId, basepathId, backupId, level, samplePercent, seed }: Ordered, result: VerifyResult | null, error: string | null): Row {
  const nothing = { backups: 0, objects: 0, readObjects: 0, readBytes: 0, recalledObjects: 0, recalledBytes: 0, files: 0, filesLikeSource: 0, problemCount: 0, problems: [] };
  const asked = { verifyId, basepathId, backupId, level, samplePercent, seed };
  if (result === null) return { ...asked, ...nothing, state: error === null ? 'enqueued' : 'failed', outcome: null, error };
  return { ...result, problems: [...result.problems], state: 'done', error: null };
}

function printPeople({ verifications }: Output): void {
  for (const row of verifications) {
    if (row.state === 'enqueued') print(`${row.basepathId}: verification ${row.verifyId} of ${row.backupId} is enqueued. Its result will be in: bw-bkup status`);
    if (row.state === 'failed') print(`${row.basepathId}: ${row.backupId} could not be verified: ${row.error ?? 'unknown'}`);
    if (row.outcome === 'gone') print(`${row.basepathId}: ${row.backupId} was removed before it could be verified.`);
    else if (row.state === 'done') printResult(row);
  }
}

function printResult(row: Row): void {
  const looked = [`${plural(row.backups, 'backup')}, ${plural(row.objects, 'object')} there`];
  if (row.readObjects > 0) looked.push(`${plural(row.readObjects, 'object')} (${formatBytes(row.readBytes)}) read`);
  if (row.level === 'restore') looked.push(`${plural(row.files, 'path')} restored as backed up, ${row.filesLikeSource} files like their source`);
  const sample = row.samplePercent >= 100 || row.level === 'manifest' ? '' : ` (sample ${row.samplePercent}%, seed ${row.seed})`;
  print(`${row.basepathId}: ${row.backupId} is ${row.outcome === 'sound' ? 'sound' : 'DAMAGED'}, level ${row.level}${sample}: ${looked.join(', ')}.`);
  for (const { where, problem } of row.problems) print(`  ${where}: ${problem}`);
  if (row.problemCount > row.problems.length) print(`  and ${row.problemCount - row.problems.length} more, see the log`);
}

function exitCode(rows: readonly Row[]): ExitCode {
  if (rows.some(({ outcome }) => outcome === 'damaged')) return EXIT.failed;
  const failed = rows.find(({ state }) => state === 'failed');
  if (failed !== undefined) return jobExitCode(failed.error);
  return rows.every(({ outcome }) => outcome === 'gone') ? EXIT.nothingMatched : EXIT.ok;
}

