import type { BackupJob } from '../../../shared/queues/job-data.js';
import type { Run } from '../../../shared/runs/run-store.js';
import type { WorkerContext } from '../../context.js';
import type { PlanFile } from './plan-file.js';

/** On record before the work directory is made: what is found in the catalog later has a basepath. */
export async function journalStart(context: WorkerContext, job: BackupJob): Promise<void> {
  const { backupId, basepathId, level } = job;
  await context.journal.append({ kind: 'attempt-started', backupId, basepathId, level, host: context.config.host });
}

/** From here on the plan counts. */
export async function markSaving(context: WorkerContext, job: BackupJob, work: string, plan: PlanFile): Promise<Run> {
  const fields = { phase: 'saving' as const, work, shards: plan.shards.length, records: plan.counts.records, bytes: plan.counts.sourceBytes };
  const state = await context.runs.update(job.backupId, fields, ['planning']);
  if (state === null) throw new Error('the run vanished, or has ended');
  return state;
}
