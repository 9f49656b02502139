import { rm } from 'node:fs/promises';
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
    await rm(item.file, { force: true });
    await rm(hashFileOf(item.file), { force: true });
    released++;
  }
  return { released };
}
