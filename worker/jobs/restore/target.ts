import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError } from '../../../shared/errors/bw-error.js';
import { checkRestoreTarget } from '../../../shared/paths/restore-target.js';
import { run } from '../../../shared/process/index.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import type { WorkerContext } from '../../context.js';
import { checkResumable } from './resume.js';

export interface RestoreTarget {
  /** Where dar extracts. */
  readonly extractTo: string;
  /** Existing tree that gets the result merged in; null when extractTo is the target itself. */
  readonly mergeInto: string | null;
}

/** Beside what is merged into, on the same filesystem, so that merging moves names and no data. */
const MERGE_PREFIX = '.bw-restore-';

/**
 * Checks and makes the place to restore to; a worker checks again what the command checked before (invariant 11).
 * Throws RESTORE_TARGET_REFUSED, RESTORE_TARGET_NOT_EMPTY; where the job resumes an earlier one, RESTORE_NOT_RESUMABLE, RESTORE_RUNNING.
 */
export async function prepareTarget(context: WorkerContext, job: RestoreJob, signal: AbortSignal): Promise<RestoreTarget> {
  await assertAnswers(job.target);
  const target = await checkRestoreTarget(job.target, context.config.restore.allowedTargets);
  if (job.resumes !== undefined) return resumed(context, job, signal);
  if (job.conflict !== 'refuse') return inPlace(target, job.restoreId);
  const names = await namesIn(target);
  if (names.length > 0) throw notEmpty(job.target, names[0] ?? '');
  await mkdir(target, { recursive: true, mode: 0o700 });
  await closeTarget(target);
  return { extractTo: target, mergeInto: null };
}

/** A filesystem that does not answer in this time is not written to, ms. */
const ANSWER_MS = 30_000;

/** Before anything of ours touches it: a call that hangs takes a thread of this process for good, a program only itself. There or not. Throws PROGRAM_TIMEOUT. */
async function assertAnswers(target: string): Promise<void> {
  await run({ program: 'stat', args: ['--', target] }, { timeoutMs: ANSWER_MS, okCodes: [0, 1] });
}

/** What is at the target: nothing when it does not exist yet. */
async function namesIn(target: string): Promise<string[]> {
  try {
    return (await stat(target)).isDirectory() ? await readdir(target) : ['(not a directory)'];
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

/** The same place on a later start of the job, without the emptiness that only the first start finds. */
export async function currentTarget(context: WorkerContext, job: RestoreJob): Promise<RestoreTarget> {
  await assertAnswers(job.target);
  const target = await checkRestoreTarget(job.target, context.config.restore.allowedTargets);
  if (job.conflict === 'refuse') return { extractTo: target, mergeInto: null };
  return { extractTo: join(target, `${MERGE_PREFIX}${job.resumes ?? job.restoreId}`), mergeInto: target };
}

async function resumed(context: WorkerContext, job: RestoreJob, signal: AbortSignal): Promise<RestoreTarget> {
  const there = await currentTarget(context, job);
  await checkResumable(context, job, there.extractTo, signal);
  await closeTarget(there.extractTo);
  return there;
}

async function inPlace(target: string, restoreId: string): Promise<RestoreTarget> {
  const extractTo = join(target, `${MERGE_PREFIX}${restoreId}`);
  await mkdir(extractTo, { recursive: true, mode: 0o700 });
  await closeTarget(extractTo);
  return { extractTo, mergeInto: target };
}

/** A default ACL inherited from the parent would grant rights to everything restored. Filesystems without ACLs refuse, which is fine. */
async function closeTarget(dir: string): Promise<void> {
  await run({ program: 'setfacl', args: ['-b', '-k', '--', dir] }, { okCodes: [0, 1] });
  await chmod(dir, 0o700);
}

function notEmpty(target: string, first: string): BwError {
  return new BwError('RESTORE_TARGET_NOT_EMPTY', {
    message: 'the target exists and is not empty; nothing was restored',
    subject: target,
    detail: `it holds ${JSON.stringify(first)}`,
    retry: 'permanent',
    hint: 'Choose a new directory, go on with an earlier restore into it with --resume, or restore into it on purpose with --in-place --on-conflict keep|rename|overwrite.',
  });
}
