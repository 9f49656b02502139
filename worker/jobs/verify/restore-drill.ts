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
import { verifyRestored } from '../restore/verify-restored.js';
import { compareWithSource } from './compare-with-source.js';
import { noting } from './findings.js';
import type { Verification } from './verification.js';
import { noteRead } from './verify-objects.js';

/** Files of a sample: their paths are kept in memory. */
const MAX_FILES = 20_000;
/** Share of the staging budget a drill may fill. */
const STAGING_SHARE = 0.5;

/**
 * Restores the newest state of the chain, or a sample of its files, below staging as a restore does, and compares with the index, and with the source where
 * that did not change since. Throws VERIFY_NO_ROOM.
 */
export async function restoreDrill(verification: Verification): Promise<void> {
  const { context, job, findings, signal } = verification;
  const target = await context.staging.createStart(job.verifyId, 'scratch');
  const paths = await noting(findings, job.backupId, () => wantedPaths(verification));
  if (paths === null) return;
  const restore = await noting(findings, job.backupId, () => openDrill(verification, paths, target));
  if (restore === null) return;
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

/** Empty: everything. */
async function wantedPaths({ context, chain, layers, job }: Verification): Promise<BytePath[]> {
  const limit = context.config.staging.budgetBytes * STAGING_SHARE;
  const bytes = Number(chain.at(-1)?.counts.sourceBytes ?? 0);
  if (job.samplePercent >= 100) {
    if (bytes > limit) throw noRoom(bytes, limit, job.backupId);
    return [];
  }
  const sample = new BoundedSample(job.samplePercent, job.seed, { items: MAX_FILES, bytes: limit });
  for await (const records of readStateRecords(layers)) {
    for (const record of records) if (record.type === 'f' && record.archive !== '') sample.add({ key: recordPath(record), bytes: Number(record.size) });
  }
  return sample.keys().map((key) => bytePath.of(key));
}

async function openDrill({ context, chain, layers, job, signal }: Verification, paths: readonly BytePath[], target: string): Promise<OpenRestore> {
  const { path: workDir } = await context.catalog.createWork(job.verifyId, 1);
  const { basepathId, backupId, verifyId } = job;
  const request = { v: JOB_VERSION, restoreId: verifyId, basepathId, backupId, target, paths: paths.map(toPathJson), conflict: 'refuse' as const } as const;
  return { request, chain, layers, workDir, plan: await restorePlan({ chain, layers, paths, workDir, signal }) };
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
