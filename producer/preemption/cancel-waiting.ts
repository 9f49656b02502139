import type { Job } from 'bullmq';
import { bytePath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { backupJobSchema, parseJob, restoreJobSchema } from '../../shared/queues/job-data.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { finishFailed, type FailRunParts } from '../../shared/runs/fail-run.js';
import type { Run } from '../../shared/runs/run-store.js';
import { cancelRun, stopJobs } from './cancel.js';

/** A backup or restore whose job is queued. */
export interface Queued {
  readonly id: string;
  readonly jobId: string;
}

/** Lists of jobs that wait for their first slot; also those that were just taken, and have no run yet. */
const BEFORE_RUN = ['prioritized', 'waiting', 'delayed', 'active'] as const;
const QUEUED = /^(?:backup|restore)\.(.+)$/;

/** Backups and restores in these lists whose id begins so, whether they have a run or not. Only ids are read: of 10,000 jobs that wait that is less than a megabyte. */
export async function queuedAs({ backup }: Pick<QueueSet, 'backup'>, beginning: string): Promise<Queued[]> {
  const jobIds = await backup.getRanges([...BEFORE_RUN], 0, -1);
  return jobIds.flatMap((jobId) => {
    const id = QUEUED.exec(jobId)?.[1];
    return id?.startsWith(beginning) === true ? [{ id, jobId }] : [];
  });
}

/**
 * Ends one that waits for its first slot, which has no run yet: it is put on record as failed in the one step in which a worker would put it on record as begun. So whoever
 * takes the job meanwhile finds that it has ended; and where a worker was faster, it is ended like all that run (cancelRun, also for what is returned and thrown). Null: there is no such job.
 */
export async function cancelQueued(parts: FailRunParts, { id, jobId }: Queued, message: string): Promise<{ readonly run: Run; readonly stopped: string[] } | null> {
  const job = await parts.queues.backup.getJob(jobId);
  if (job === undefined) return null;
  const error = { code: 'CANCELLED', message };
  const run = neverBegun(job, jobId, error, parts.now().toISOString());
  if (await parts.runs.create(run)) {
    await finishFailed(parts, run, error, false);
    return { run, stopped: await stopJobs(parts, job) };
  }
  const begun = await parts.runs.read(id);
  return begun === null ? null : { run: begun, stopped: await cancelRun(parts, begun, message) };
}

function neverBegun(job: Job, jobId: string, { code, message }: { code: string; message: string }, at: string): Run {
  const nothing = { jobId, phase: 'failed', startedAt: at, endedAt: at, work: null, shards: 0, step: 0, records: 0, bytes: '0', error: `${code}: ${message}`, outcome: null } as const;
  if (job.name === 'backup') {
    const { backupId, basepathId, path, level } = parseJob(backupJobSchema, job.data, jobId);
    return { ...nothing, id: backupId, kind: 'backup', basepathId, path, level };
  }
  const { restoreId, basepathId, target } = parseJob(restoreJobSchema, job.data, jobId);
  return { ...nothing, id: restoreId, kind: 'restore', basepathId, path: toPathJson(bytePath.fromText(target)), level: 'restore' };
}
