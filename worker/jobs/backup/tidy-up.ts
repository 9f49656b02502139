import { toBwError } from '../../../shared/errors/bw-error.js';
import type { ShardResult } from '../../../shared/runs/shard-result.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** Planned, and sealed when its shard was done. */
const STARTS = 2;
/** Of the first start of shard 1, with nothing before or after it. */
const FIRST_START = /^s0001-t1-/;
const FIRST_ARCHIVE = /^(1\.1|0\.\d+)$/;

/**
 * Whether nothing went on but what the manifest tells (pure): one shard, saved on this host at its first start and first attempt, nothing of it
 * thrown away, and one start of the seal. Then no object can be in LTS that the manifest does not name, and no other host has staging of it.
 */
export function isTidy({ job }: { readonly job: Pick<JobRun['job'], 'attemptsStarted' | 'attemptsMade' | 'stalledCounter'> }, parts: readonly ShardResult[], host: string): boolean {
  const [part, ...more] = parts;
  if (part === undefined || more.length > 0 || job.attemptsStarted > STARTS || job.attemptsMade > 0 || job.stalledCounter > 0) return false;
  return part.host === host && part.discarded === 0 && FIRST_START.test(part.start) && part.archives.every(({ key }) => FIRST_ARCHIVE.test(key));
}

/** Gives back what a sealed, tidy backup holds in staging and in the work area; false: not all, a sweep has to. */
export async function tidyUp(context: WorkerContext, backupId: string): Promise<boolean> {
  try {
    await context.staging.removeBackup(backupId);
    await context.catalog.removeWork(backupId);
    return true;
  } catch (thrown) {
    context.logger.warn({ err: toBwError(thrown), backupId }, 'leftovers of a sealed backup are left to the sweep');
    return false;
  }
}
