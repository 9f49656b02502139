import { toBwError } from '../../../shared/errors/bw-error.js';
import { parseJob, reconcileStagingJobSchema } from '../../../shared/queues/job-data.js';
import type { Finding } from '../../../shared/reconcile/finding.js';
import { walk } from '../../../shared/reconcile/walk.js';
import { StagingArea } from '../../staging/staging-area.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** Findings a job's result carries; the rest is in the log of this host, and found again the next time. */
const MOST = 1_000;

/** What lies in this host's staging, against what is on record: only its own worker sees it. */
export async function reconcileStagingJob(context: WorkerContext, run: JobRun): Promise<{ findings: Finding[] }> {
  const { dryRun } = parseJob(reconcileStagingJobSchema, run.job.data, run.job.id);
  return { findings: (await reconcileStaging(context, { dryRun, signal: run.signal })).slice(0, MOST) };
}

export async function reconcileStaging(context: WorkerContext, options: { readonly dryRun: boolean; readonly signal?: AbortSignal }): Promise<Finding[]> {
  const findings: Finding[] = [];
  const onProblem = (unit: string, thrown: unknown): void => { context.logger.warn({ err: toBwError(thrown), unit }, 'staging not looked at'); };
  for await (const finding of walk(new StagingArea(context), { ...options, onProblem })) {
    findings.push(finding);
    if (!options.dryRun) context.logger.info({ ...finding }, 'staging reconciled');
  }
  if (findings.some(({ state }) => state === 'repaired')) context.staging.account.released();
  return findings;
}
