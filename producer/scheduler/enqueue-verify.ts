import { ulid } from 'ulid';
import { JOB_VERSION, type VerifyJob } from '../../shared/queues/job-data.js';
import { VERIFY_PRIORITY } from '../../shared/queues/priorities.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';

export type VerifyRequest = Pick<VerifyJob, 'basepathId' | 'backupId' | 'level' | 'samplePercent' | 'recall'> & Partial<Pick<VerifyJob, 'seed'>>;

/** Orders a verification; the seed of its sample is its own id, unless one is given. */
export async function enqueueVerify(queues: QueueSet, request: VerifyRequest): Promise<VerifyJob & { readonly jobId: string }> {
  const verifyId = ulid();
  const { basepathId, backupId, level, samplePercent, recall, seed = verifyId } = request;
  const data: VerifyJob = { v: JOB_VERSION, verifyId, basepathId, backupId, level, samplePercent, recall, seed };
  const jobId = `verify.${verifyId}`;
  await queues.cleanup.add('verify', data, { jobId, priority: VERIFY_PRIORITY });
  return { ...data, jobId };
}
