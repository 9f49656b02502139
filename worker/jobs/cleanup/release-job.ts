import { hasEnough } from '../../../shared/copies/enough.js';
import { removeFile } from '../../../shared/files/remove-file.js';
import type { JobRun } from '../../processor/run-job.js';
import type { WorkerContext } from '../../context.js';
import { parseJob, releaseJobSchema } from '../../../shared/queues/job-data.js';
import { hashFileOf } from '../../staging/staging.js';

/**
 * Gives staging back, slice by slice, a step of its own: only what is committed in as many LTS as its backup needs to seal (invariant 2).
 */
export async function releaseJob(context: WorkerContext, run: JobRun): Promise<{ released: number }> {
  const data = parseJob(releaseJobSchema, run.job.data, run.job.id);
  return { released: await releaseCommitted(context, data.backupId, data.objects) };
}

/** Removes those of the objects' files in this host's staging that are committed in enough LTS; how many. A copy that is missing then is made from another one. */
export async function releaseCommitted(context: WorkerContext, backupId: string, objects: readonly string[]): Promise<number> {
  const items = await context.items.get(backupId, objects);
  let released = 0;
  for (const item of items.values()) {
    if (item.host !== context.config.host) continue;
    if (!hasEnough(item, context.backends.map(({ name }) => name))) continue;
    await removeFile(item.file);
    await removeFile(hashFileOf(item.file));
    released++;
  }
  if (released > 0) context.staging.account.released();
  return released;
}
