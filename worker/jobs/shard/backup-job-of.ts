import { BwError } from '../../../shared/errors/bw-error.js';
import { backupJobSchema, parseJob, type BackupJob } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';

/** What was ordered stands in the backup's own job. Throws RUN_GONE. */
export async function backupJobOf(context: WorkerContext, state: Run): Promise<BackupJob> {
  const job = await context.queues.backup.getJob(state.jobId);
  if (job !== undefined) return parseJob(backupJobSchema, job.data, job.id);
  throw new BwError('RUN_GONE', {
    message: 'the job of this backup is not in the queue any more',
    subject: `backup ${state.id}`,
    retry: 'permanent',
    hint: 'It was removed. Nothing sealed is affected; the next scheduled run makes a new backup.',
  });
}
