import { ulid } from 'ulid';
import { toPathJson } from '../../shared/paths/path-json.js';
import type { BytePath } from '../../shared/paths/byte-path.js';
import { takePlanTurn } from '../../shared/queues/fair-share.js';
import type { PriorityClass } from '../../shared/queues/priorities.js';
import { JOB_VERSION, type BackupJob } from '../../shared/queues/job-data.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';

export interface BackupRequest {
  readonly basepathId: string;
  readonly topdir: string;
  /** Absolute. */
  readonly path: BytePath;
  readonly level: BackupJob['level'];
  readonly priorityClass: PriorityClass;
  /** Whole intervals an overdue incremental is late; default 0. */
  readonly missed?: number;
  readonly policyHash: string;
  readonly reason: string;
  readonly acceptSource: boolean;
  /** Id of the backup whose chain the full is made of, without reading the source. */
  readonly consolidates?: string;
}

export interface Enqueued {
  readonly backupId: string;
  readonly jobId: string;
  /** The basepath had one waiting or running already: this is that one. */
  readonly existing: boolean;
}

/**
 * Enqueues one backup. One full and one other backup per basepath are in flight at most (invariant 4): the deduplication id holds from
 * here until the job completed or failed, so enqueueing twice is harmless, also when an answer was lost.
 */
export async function enqueueBackup(queues: QueueSet, request: BackupRequest, nowMs: number): Promise<Enqueued> {
  const backupId = ulid(nowMs);
  const data: BackupJob = {
    v: JOB_VERSION,
    backupId,
    basepathId: request.basepathId,
    level: request.level,
    topdir: request.topdir,
    path: toPathJson(request.path),
    priorityClass: request.priorityClass,
    policyHash: request.policyHash,
    reason: request.reason,
    acceptSource: request.acceptSource,
    ...(request.consolidates === undefined ? {} : { consolidates: request.consolidates }),
  };
  const job = await queues.backup.add('backup', data, {
    jobId: backupJobId(backupId),
    priority: await takePlanTurn(queues.redis, request.priorityClass, request.missed),
    deduplication: { id: inFlightId(request.level, request.basepathId) },
  });
  const jobId = String(job.id);
  return { backupId: backupIdOf(jobId), jobId, existing: jobId !== backupJobId(backupId) };
}

export function backupJobId(backupId: string): string {
  return `backup.${backupId}`;
}

/** Job ids are `backup.ID`. */
export function backupIdOf(jobId: string): string {
  return jobId.slice(jobId.indexOf('.') + 1);
}

/** Deduplication id: one full and one other backup per basepath, whichever it is. */
export function inFlightId(level: BackupJob['level'], basepathId: string): string {
  return `${level === 'full' ? 'full' : 'other'}.${basepathId}`;
}
