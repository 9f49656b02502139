import type { Journal } from '../journal/journal.js';
import type { RecordOf } from '../journal/record.js';
import type { QueueSet } from '../queues/queue-set.js';
import { bytePath } from '../paths/byte-path.js';
import { toPathJson } from '../paths/path-json.js';
import { parseJob, restoreJobSchema } from '../queues/job-data.js';
import { rememberFailure } from './failures.js';
import { orderStagingSweeps, orderSweeps } from './order-sweeps.js';
import type { Run, RunStore } from './run-store.js';

export interface FailRunParts {
  readonly runs: RunStore;
  readonly queues: QueueSet;
  readonly journal: Journal;
  readonly now: () => Date;
}

/**
 * Ends a run whose job failed for good: journal entry, run marked failed, leftovers ordered away. The run's phase
 * makes it idempotent: worker event and producer sweep may both report the same failure. False, and nothing, when it is in none of the phases of `onlyIn`.
 */
export async function failRun(parts: FailRunParts, id: string, error: { code: string; message: string }, onlyIn: readonly Run['phase'][] = OPEN): Promise<boolean> {
  const run = await parts.runs.read(id);
  const endedAt = parts.now().toISOString();
  if (run === null || !(await parts.runs.end(id, { phase: 'failed', endedAt, error: `${error.code}: ${error.message}` }, onlyIn))) return false;
  const end = { outcome: 'failed' as const, error, startedAt: run.startedAt, endedAt, bytes: '0', files: 0 };
  if (run.level === 'restore') await recordFailedRestore(parts, run, end);
  else if (run.level === 'verify') await orderStagingSweeps(parts.queues, parts.runs, run); // it says nothing about the backup
  else await recordFailedBackup(parts, run, run.level, end);
  return true;
}

/** Not ended yet. */
const OPEN: readonly Run['phase'][] = ['planning', 'saving', 'sealing'];

type End = Pick<RecordOf<'restore-ended'>, 'outcome' | 'error' | 'startedAt' | 'endedAt' | 'bytes' | 'files'>;

async function recordFailedBackup(parts: FailRunParts, run: Run, level: RecordOf<'attempt-ended'>['level'], end: End): Promise<void> {
  const { id: backupId, basepathId } = run;
  await parts.journal.append({ kind: 'attempt-ended', backupId, basepathId, level, ...end });
  await rememberFailure(parts.runs.redis, basepathId, level, Date.parse(end.endedAt));
  await orderSweeps(parts.queues, parts.runs, { backupId, basepathId });
}

/** What was restored so far stays where it is; slices that were fetched for it do not. What was asked for stands in the job. */
async function recordFailedRestore(parts: FailRunParts, run: Run, end: End): Promise<void> {
  const job = await parts.queues.backup.getJob(run.jobId);
  if (job !== undefined) {
    const { restoreId, backupId, basepathId, target } = parseJob(restoreJobSchema, job.data, job.id);
    await parts.journal.append({ kind: 'restore-ended', restoreId, backupId, basepathId, target: toPathJson(bytePath.fromText(target)), ...end });
  }
  await orderStagingSweeps(parts.queues, parts.runs, run);
}

/** `CODE: message` as runJob wrote it, back into its parts; the first line only. */
export function parseFailedReason(reason: string): { code: string; message: string } {
  const line = reason.split('\n', 1)[0] ?? '';
  const match = /^([A-Z][A-Z0-9_]+): (.*)$/.exec(line);
  return match === null ? { code: 'UNEXPECTED', message: line } : { code: match[1] ?? '', message: match[2] ?? '' };
}
