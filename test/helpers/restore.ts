import { ulid } from 'ulid';
import type { Ended } from '../../producer/scheduler/watch-jobs.js';
import type { Manifest } from '../../shared/catalog/index.js';
import { JOB_VERSION, type RestoreJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import type { TestSite } from './site.js';

type Request = Partial<RestoreJob> & { readonly target: string };

/** Restores as the command does, and waits. */
export async function restore(site: TestSite, manifest: Manifest, request: Request, attempts = 1): Promise<Ended> {
  const [ended] = await site.waitFor([await orderRestore(site, manifest, request, attempts)]);
  if (ended === undefined) throw new Error('the restore did not end');
  return ended;
}

/** The same without waiting: the id of the job. */
export async function orderRestore(site: TestSite, manifest: Manifest, request: Request, attempts = 1): Promise<string> {
  const { basepathId, backupId } = manifest;
  const job: RestoreJob = { v: JOB_VERSION, restoreId: ulid(), basepathId, backupId, paths: [], conflict: 'refuse', ...request };
  const jobId = `restore.${job.restoreId}`;
  await site.worker.context.queues.backup.add('restore', job, { jobId, priority: priorityOf('restore'), attempts });
  return jobId;
}
