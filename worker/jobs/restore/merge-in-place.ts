import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';

/** How cp treats a name that exists: keep it, give the old one a numbered name, or replace it. */
const CONFLICT_ARGS = {
  keep: ['--no-clobber'],
  rename: ['--backup=numbered', '--remove-destination'],
  overwrite: ['--remove-destination'],
} as const;

/**
 * Merges a restored tree into an existing one on the same filesystem: `cp --archive --link` makes names, copies
 * no data, and keeps owner, ACL, xattrs, times and hard links. What cannot be merged (a file where a directory is)
 * is reported and stays in the restored tree. Nothing reported: the tree is needed no more.
 */
export async function mergeInPlace(from: string, into: string, conflict: RestoreJob['conflict']): Promise<RestoreProblem[]> {
  if (conflict === 'refuse') return [];
  const args = ['--archive', '--link', '--no-target-directory', ...CONFLICT_ARGS[conflict], '--', from, into];
  const merged = await run({ program: 'cp', args }, { okCodes: [0, 1], maxOutputBytes: 1 << 20 });
  if (merged.status.code === 0) return [];
  const lines = merged.stderr.split('\n').filter((line) => line !== '');
  return [...lines.map((line) => ({ where: into, problem: showPath(bytePath.fromText(line)) })), { where: from, problem: 'left there because not all of it could be merged' }];
}

/** The restored tree, when all of it was merged; gone already or partly is well. */
export async function removeMerged(from: string): Promise<void> {
  await run({ program: 'rm', args: ['-rf', '--one-file-system', '--', from] });
}
