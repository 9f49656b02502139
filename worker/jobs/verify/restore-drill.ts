import { join } from 'node:path';
import { BwError } from '../../../shared/errors/bw-error.js';
import { recordPath } from '../../../shared/index/record.js';
import { readStateRecords } from '../../../shared/index/state.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { BoundedSample } from '../../../shared/verify/sample.js';
import { extractPart } from '../restore/extract-part.js';
import { makeDirectories } from '../restore/make-directories.js';
import { archiveOf } from '../restore/open-archive.js';
import { manifestOf, type OpenRestore } from '../restore/open-restore.js';
import { attributeProblems } from '../restore/problems.js';
import { removeUnwanted } from '../restore/remove-unwanted.js';
import { racySinceOf } from '../restore/racy-since.js';
import { setDirectories } from '../restore/set-directories.js';
import { restorePlan } from '../restore/restore-plan.js';
import { windowBytes } from '../../../shared/restore/room.js';
import { verifyRestored } from '../restore/verify-restored.js';
import { compareWithSource } from './compare-with-source.js';
import { noting } from './findings.js';
import type { Verification } from './verification.js';
import { noteRead } from './verify-objects.js';

/** Files of a sample: their paths are kept in memory. */
const MAX_FILES = 20_000;
/** Directory of a drill in staging; the account knows the name. */
const SCRATCH = 'scratch';
/** Share of the staging budget a drill may fill. */
const STAGING_SHARE = 0.5;

/**
 * Restores the newest state of the chain, or a sample of its files, below staging as a restore does, and compares with the index, and with the source where
 * that did not change since. Throws VERIFY_NO_ROOM, STAGING_TOO_SMALL.
 */
export async function restoreDrill(verification: Verification): Promise<void> {
  const { context, job, findings, signal } = verification;
  const drill = await noting(findings, job.backupId, () => openDrill(verification));
  if (drill === null) return;
  // All of it at once: one that held its scratch while it waits for slices could wait for another that does the same.
  const release = await context.staging.reserve(drill.bytes, { owner: job.verifyId, kind: 'verify', signal });
  try {
    await context.staging.createStart(job.verifyId, SCRATCH);
    await restoreAndCompare(verification, drill);
  } finally {
    await context.staging.removeStart(job.verifyId, SCRATCH).finally(release);
  }
}

async function restoreAndCompare(verification: Verification, { restore, paths, target }: Drill): Promise<void> {
  const { context, job, findings, signal } = verification;
  await makeDirectories(restore.layers, paths, target);
  await extractAll(verification, restore, target);
  if (findings.problemCount > 0) return; // what could not be extracted would be told again, file by file
  const verified = await verifyRestored({
    layers: restore.layers,
    paths,
    target,
    tempDir: await context.staging.createStart(job.verifyId, 'verify'),
    owners: process.getuid?.() === 0,
    racySince: racySinceOf(restore.chain),
    signal,
  });
  findings.files += verified.looked;
  // The basepath directory's own metadata travels apart; a sample brings no directories above its files.
  findings.addAll(verified.problems, verified.problemCount - verified.problems.length);
  await compareWithSource(verification, paths, target);
}

/** What a drill restores. */
interface Wanted {
  /** Empty: everything. */
  readonly paths: readonly BytePath[];
  /** Of its files. */
  readonly bytes: number;
}

interface Drill {
  readonly restore: OpenRestore;
  readonly paths: readonly BytePath[];
  /** Absolute. */
  readonly target: string;
  /** Of staging: of what is restored, and of the slices of one archive at a time. */
  readonly bytes: number;
}

async function whatIsWanted({ context, chain, layers, job }: Verification): Promise<Wanted> {
  const limit = context.config.staging.budgetBytes * STAGING_SHARE;
  const bytes = Number(chain.at(-1)?.counts.sourceBytes ?? 0);
  if (job.samplePercent >= 100) {
    if (bytes > limit) throw noRoom(bytes, limit, job.backupId);
    return { paths: [], bytes };
  }
  const sample = new BoundedSample(job.samplePercent, job.seed, { items: MAX_FILES, bytes: limit });
  for await (const records of readStateRecords(layers)) {
    for (const record of records) if (record.type === 'f' && record.archive !== '') sample.add({ key: recordPath(record), bytes: Number(record.size) });
  }
  const paths = sample.keys().map((key) => bytePath.of(key));
  if (paths.length > 0) return { paths, bytes: sample.bytes };
  if (bytes > limit) throw noRoom(bytes, limit, job.backupId); // no file is small enough for a sample, and nothing named means all
  return { paths, bytes };
}

async function openDrill(verification: Verification): Promise<Drill> {
  const { context, chain, layers, job, signal } = verification;
  const { paths, bytes } = await whatIsWanted(verification);
  const target = join(context.staging.backupDir(job.verifyId), SCRATCH);
  const { path: workDir } = await context.catalog.createWork(job.verifyId, 1);
  const { basepathId, backupId, verifyId } = job;
  const request = { v: JOB_VERSION, restoreId: verifyId, basepathId, backupId, target, paths: paths.map(toPathJson), conflict: 'refuse' as const } as const;
  const restore = { request, chain, layers, workDir, plan: await restorePlan({ chain, layers, paths, workDir, signal }), roomIsReserved: true };
  return { restore, paths, target, bytes: bytes + largestWindow(restore, verification.reading) };
}

function largestWindow(restore: OpenRestore, { backends }: Verification['reading']): number {
  return restore.plan.parts.reduce((most, { backupId, archive }) => Math.max(most, windowBytes(archiveOf(manifestOf(restore, backupId), archive), backends)), 0);
}

async function extractAll({ context, reading, job, findings, isTape, signal }: Verification, restore: OpenRestore, target: string): Promise<void> {
  const { plan } = restore;
  for (const part of plan.parts) {
    signal.throwIfAborted();
    const archive = archiveOf(manifestOf(restore, part.backupId), part.archive);
    const done = await noting(findings, archive.name, () => extractPart({ context: reading, restore, part, to: target, pass: 'default-acls-excluded', only: part.records, signal }));
    noteRead(findings, archive.slices, reading.backends, isTape);
    if (done !== null) findings.addAll(attributeProblems(archive.name, done.problems));
    await context.runs.reportPart(job.verifyId, 'extract', { entries: 0, doneBytes: findings.readBytes, archiveBytes: 0 });
  }
  if (findings.problemCount > 0) return;
  if (plan.inexact) await removeUnwanted(context, restore, target, signal);
  findings.addAll(await setDirectories(reading, restore, target, signal));
}

function noRoom(bytes: number, limit: number, backupId: string): BwError {
  return new BwError('VERIFY_NO_ROOM', {
    message: 'the whole state is larger than what a restore drill may take of staging',
    subject: `backup ${backupId}`,
    detail: `${bytes} bytes, half of staging.budget is ${Math.floor(limit)}`,
    retry: 'permanent',
    hint: 'Look into a sample (`bw-bkup verify BACKUP --level restore --sample 1%`), or restore it somewhere with room (`bw-bkup restore ... --compare`).',
  });
}
