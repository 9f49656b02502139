import { removeFile } from '../../../shared/files/remove-file.js';
import type { JobRun } from '../../processor/run-job.js';
import type { WorkerContext } from '../../context.js';
import { parseJob, releaseJobSchema } from '../../../shared/queues/job-data.js';
import { hashFileOf } from '../../staging/staging.js';

/**
 * Gives staging back, slice by slice, a step of its own: only what is committed in every LTS (invariant 2).
 */
export async function releaseJob(context: WorkerContext, run: JobRun): Promise<{ released: number }> {
  const data = parseJob(releaseJobSchema, run.job.data, run.job.id);
  const items = await context.items.get(data.backupId, data.objects);
  let released = 0;
  for (const item of items.values()) {
    if (item.host !== context.config.host) continue;
    if (context.backends.some((backend) => item.committed[backend.name] === undefined)) continue;
    await removeFile(item.file);
    await removeFile(hashFileOf(item.file));
    released++;
  }
  return { released };
}
