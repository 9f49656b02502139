import { chmod, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { findInState, readStateRecords, type StateLayer, type StateRecord } from '../../../shared/index/state.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import { restoreInto } from '../../../shared/runs/restores-on-record.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import { stripAttributes } from '../../directory-metadata/strip-attributes.js';
import { differenceOf, type VerifyOptions } from './compare-records.js';

/**
 * Whether what an earlier start restored of a path can stay (pure). dar gives a file its time when its content is written, then owner and mode, so a file that has
 * all of them as the index says is complete. Done again, because it cannot be told or costs nothing: what is no regular file; hard links, of which dar must
 * make all names; what the index does not describe exactly; and programs of archives with attributes, since dar sets capabilities once more after the mode.
 */
export function canStay(want: StateRecord, have: IndexRecord, options: VerifyOptions & { readonly attributes: boolean }): boolean {
  if (want.type !== 'f' || have.type !== 'f' || want.nlink !== 1 || have.nlink !== 1) return false;
  if (want.flags !== '' || (options.attributes && /[1357]/.test(want.mode.slice(-3)))) return false;
  return differenceOf(want, have, options) === null;
}

/** Archives that may hold extended attributes, as `BACKUP ARCHIVE` (pure). */
export function withAttributes(chain: readonly Manifest[]): Set<string> {
  return new Set(chain.flatMap(({ backupId, archives }) => archives.filter(({ withEa }) => withEa !== 0).map(({ key }) => `${backupId} ${key}`)));
}

/**
 * Checks that `directory` is what an earlier restore of the same backup made and left: nothing else may be written into. Throws RESTORE_NOT_RESUMABLE, RESTORE_RUNNING.
 */
export async function checkResumable(context: WorkerContext, job: RestoreJob, directory: string, signal: AbortSignal): Promise<void> {
  const onProblem = (problem: unknown): void => { context.logger.warn({ problem }, 'journal line not usable'); };
  const earlier = await restoreInto(context.catalog.journalDir, toPathJson(bytePath.fromText(job.target)), onProblem);
  if (earlier === null) throw notResumable(job, 'no restore into it is on record');
  const { begun, outcome } = earlier;
  if (begun.origin !== job.resumes || begun.basepathId !== job.basepathId || begun.backupId !== job.backupId) throw notResumable(job, `the newest restore into it is ${begun.restoreId}, of backup ${begun.backupId}`);
  if (outcome === 'clean') throw notResumable(job, 'that restore was completed');
  const inode = await inodeOf(directory);
  if (inode !== begun.directory) throw notResumable(job, inode === null ? 'the directory is gone' : 'it is not the directory which that restore made');
  const run = await context.runs.read(begun.restoreId);
  if (run !== null && run.phase !== 'done' && run.phase !== 'failed' && run.id !== job.restoreId) throw running(begun.restoreId);
  for (let tries = 0; run !== null && (await isWriting(context, run)); tries++) {
    if (tries === WRITERS_END_SECONDS) throw running(begun.restoreId);
    await delay(1000, undefined, { signal });
  }
}

/** Parts of a failed restore look every second whether it has ended, then stop dar. */
const WRITERS_END_SECONDS = 30;

/** Whether a worker still extracts for a restore that has failed. */
async function isWriting({ queues }: WorkerContext, { id, shards }: Pick<Run, 'id' | 'shards'>): Promise<boolean> {
  const active = await queues.backup.getJobs(['active']);
  const parts = new Set(Array.from({ length: shards }, (_, part) => archiveJobId(id, part)));
  return active.some((job) => job.id !== undefined && parts.has(job.id));
}

/** The job that extracts one part of a restore. */
export function archiveJobId(restoreId: string, part: number): string {
  return `restore-archive.${restoreId}.${part}`;
}

/** Decimal; null: no directory is there. */
export async function inodeOf(directory: string): Promise<string | null> {
  const info = await stat(directory, { bigint: true }).catch(() => null);
  return info?.isDirectory() === true ? info.ino.toString() : null;
}

export interface OpenUp {
  readonly layers: readonly StateLayer[];
  readonly paths: readonly BytePath[];
  readonly chain: readonly Manifest[];
  readonly target: string;
  readonly signal: AbortSignal;
}

/** Takes from directories that are there already what keeps us out, or would grant rights to what is restored below: they get all of it again at the end. */
export async function openDirectories({ layers, paths, chain, target, signal }: OpenUp): Promise<void> {
  const attributes = chain.some(({ archives }) => archives.some(({ directoriesWithEa }) => directoriesWithEa > 0));
  const root = process.getuid?.() === 0;
  await chmod(target, 0o700);
  if (root && !attributes) return;
  const top = bytePath.fromText(target);
  for await (const records of paths.length === 0 ? readStateRecords(layers) : findInState(layers, paths)) {
    const directories = records.filter(({ type }) => type === 'd').map(recordPath);
    // One after the other: a directory can be entered only when the one above it can.
    if (!root) for (const path of directories) await chmod(bytePath.toBuffer(bytePath.of(`${top}/${path}`)), 0o700).catch(() => undefined); // not made yet
    if (attributes && directories.length > 0) await stripAttributes(top, directories, signal);
  }
}

function notResumable(job: RestoreJob, why: string): BwError {
  return new BwError('RESTORE_NOT_RESUMABLE', {
    message: `there is nothing here to go on with: ${why}`,
    subject: job.target,
    retry: 'permanent',
    hint: 'Restore into a new directory: `bw-bkup restore BASEPATH --to DIR`.',
  });
}

function running(restoreId: string): BwError {
  return new BwError('RESTORE_RUNNING', {
    message: 'the restore into this directory has not ended: it goes on by itself',
    subject: `restore ${restoreId}`,
    retry: 'permanent',
    hint: 'Follow it with `bw-bkup status`.',
  });
}
