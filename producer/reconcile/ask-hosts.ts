import { toBwError } from '../../shared/errors/bw-error.js';
import { CLEANUP_PRIORITY } from '../../shared/queues/priorities.js';
import { JOB_VERSION, type ReconcileStagingJob } from '../../shared/queues/job-data.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { stagingReportSchema, type Finding } from '../../shared/reconcile/finding.js';

export interface AskOptions {
  readonly dryRun: boolean;
  /** How long a host may take to answer, ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

export interface HostAnswer {
  readonly host: string;
  /** Null: it was not looked at. */
  readonly findings: readonly Finding[] | null;
  /** Why a host that works did not look; null where no worker runs: its staging is looked at when one starts. */
  readonly why: string | null;
}

const POLL_MS = 100;

/** Has every host look at its own staging. One that does not answer in time may yet do it: what it finds is in its log, and found again the next time. */
export async function askHosts(queues: QueueSet, hosts: readonly string[], options: AskOptions): Promise<HostAnswer[]> {
  return Promise.all(hosts.map((host) => ask(queues, host, options).catch((thrown: unknown) => ({ host, findings: null, why: toBwError(thrown).message }))));
}

async function ask(queues: QueueSet, host: string, { dryRun, patienceMs, signal }: AskOptions): Promise<HostAnswer> {
  const queue = queues.cleanupOf(host);
  if ((await queue.getWorkersCount()) === 0) return { host, findings: null, why: null };
  const data: ReconcileStagingJob = { v: JOB_VERSION, dryRun };
  const { id = '' } = await queue.add('reconcile-staging', data, { priority: CLEANUP_PRIORITY, attempts: 1, removeOnComplete: { age: 3600 }, removeOnFail: { age: 3600 } });
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline && signal?.aborted !== true) {
    const state = await queue.getJobState(id);
    // Read after it has ended: what was read before does not have its result.
    const job = state === 'completed' || state === 'failed' ? await queue.getJob(id) : null;
    if (state === 'unknown' || job === undefined) return { host, findings: null, why: 'the job is gone' };
    if (job !== null) return state === 'completed' ? { host, findings: stagingReportSchema.parse(job.returnvalue).findings, why: null } : { host, findings: null, why: job.failedReason };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { host, findings: null, why: `no answer within ${patienceMs / 1000} s` };
}
