import type { Job } from 'bullmq';
import type { QueueSet } from '../../shared/queues/queue-set.js';

/** More than any site has slots. */
const ACTIVE_READ = 1_000;

export interface ActiveJob {
  readonly job: Job;
  readonly jobId: string;
  /** Backup or restore; undefined for what is neither. */
  readonly runId: string | undefined;
  /** Whose worker has it; empty for a job of an older version. */
  readonly host: string;
}

/** What runs in slots. Workers are called `HOST/QUEUE...`, which BullMQ notes in the job. */
export async function activeJobs({ backup }: Pick<QueueSet, 'backup'>): Promise<ActiveJob[]> {
  const jobs = (await backup.getActive(0, ACTIVE_READ - 1)) as (Job | undefined)[]; // one that ended meanwhile leaves a hole
  return jobs.flatMap((job) => (job?.id === undefined ? [] : [{ job, jobId: job.id, runId: runIdOf(job), host: job.processedBy?.split('/', 1)[0] ?? '' }]));
}

/** The backup or restore a job belongs to. */
export function runIdOf(job: Job): string | undefined {
  const { restoreId, backupId } = job.data as { readonly backupId?: string; readonly restoreId?: string };
  return restoreId ?? backupId;
}
