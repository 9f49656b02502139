import { ulid } from 'ulid';
import type { Ended } from '../../producer/scheduler/watch-jobs.js';
import type { Manifest } from '../../shared/catalog/index.js';
import { JOB_VERSION, type RestoreJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import type { TestSite } from './site.js';

/** Restores as the command does, and waits. */
export async function restore(site: TestSite, manifest: Manifest, request: Partial<RestoreJob> & { readonly target: string }): Promise<Ended> {
  const { basepathId, backupId } = manifest;
  const job: RestoreJob = { v: JOB_VERSION, restoreId: ulid(), basepathId, backupId, paths: [], conflict: 'refuse', ...request };
  const jobId = `restore.${job.restoreId}`;
  await site.worker.context.queues.backup.add('restore', job, { jobId, priority: priorityOf('restore'), attempts: 1 });
  const [ended] = await site.waitFor([jobId]);
  if (ended === undefined) throw new Error('the restore did not end');
  return ended;
}
