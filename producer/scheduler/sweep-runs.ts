import { failRun, parseFailedReason, type FailRunParts } from '../../shared/runs/fail-run.js';
import { rootReason } from '../../shared/runs/root-reason.js';

/**
 * Runs whose job failed or vanished while no worker was there to report it (a crash between the two, a wiped queue):
 * journal and cleanup get them here. Returns how many.
 */
export async function sweepRuns(parts: FailRunParts): Promise<number> {
  let swept = 0;
  for (const run of await parts.runs.running()) {
    const job = await (run.kind === 'verify' ? parts.queues.cleanup : parts.queues.backup).getJob(run.jobId);
    if (job !== undefined && !(await job.isFailed())) continue;
    const error = job === undefined ? { code: 'JOB_GONE', message: 'the job is not in the queue any more' } : parseFailedReason(await rootReason(parts.queues, job.failedReason));
    if (await failRun(parts, run.id, error)) swept++;
  }
  return swept;
}
