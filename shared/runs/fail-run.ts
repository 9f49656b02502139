import type { DeadLetter } from '../dead-letters/dead-letter.js';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import { lastError } from '../dead-letters/last-error.js';
import { isCancelled } from '../errors/is-cancelled.js';
import type { Journal } from '../journal/journal.js';
import type { RecordOf } from '../journal/record.js';
import type { QueueSet } from '../queues/queue-set.js';
import { bytePath } from '../paths/byte-path.js';
import { toPathJson } from '../paths/path-json.js';
import { parseJob, restoreJobSchema } from '../queues/job-data.js';
import { rememberFailure } from './failures.js';
import { keptForMs } from './kept.js';
import { orderStagingSweeps, orderSweeps } from './order-sweeps.js';
import type { Run, RunStore } from './run-store.js';

export interface FailRunParts {
  readonly runs: RunStore;
  readonly queues: QueueSet;
  readonly journal: Journal;
  readonly now: () => Date;
  /** How long what a backup left that failed is kept for whoever looks into it. */
  readonly config: { readonly deadLetters: { readonly keepStagingMs: number } };
}

/**
 * Ends a run whose job failed for good: dead letter, journal entry, run marked failed, leftovers ordered away after deadLetters.keepStaging. The run's phase
 * makes it idempotent: worker event and producer sweep may both report the same failure. The letter comes first: whoever finds the run not yet
 * failed after a crash adds it again, which has no further effect. False, and nothing,
 * when it is in none of the phases of `onlyIn`.
 */
export async function failRun(parts: FailRunParts, id: string, error: { code: string; message: string }, onlyIn: readonly Run['phase'][] = OPEN): Promise<boolean> {
  const run = await parts.runs.read(id);
  const endedAt = parts.now().toISOString();
  if (run === null || !onlyIn.includes(run.phase)) return false;
  if (!isCancelled(error.code)) await addLetter(parts, run, error, endedAt);
  const keepMs = run.kind === 'backup' && !isCancelled(error.code) ? parts.config.deadLetters.keepStagingMs : 0;
  const kept = keepMs === 0 ? {} : { keptUntil: new Date(Date.parse(endedAt) + keepMs).toISOString() };
  const failed = await parts.runs.update(id, { phase: 'failed', endedAt, error: `${error.code}: ${error.message}`, ...kept }, onlyIn);
  if (failed === null) {
    if ((await parts.runs.read(id))?.phase === 'done') await new DeadLetters(parts.queues).remove([id]); // it sealed in this moment
    return false;
  }
  await finishFailed(parts, failed, error, false);
  return true;
}

/**
 * What follows from a run that is marked failed: records, and orders for what it left. It is taken off the list of what runs last, so that one whose failRun was cut off
 * here is found, and this done again. `isTold`: the journal knows its end.
 */
export async function finishFailed(parts: FailRunParts, run: Run, error: End['error'], isTold: boolean): Promise<void> {
  const keepMs = keptForMs(run, parts.now().getTime());
  const end = { outcome: 'failed' as const, error, startedAt: run.startedAt, endedAt: run.endedAt ?? parts.now().toISOString(), bytes: '0', files: 0 };
  if (run.level === 'restore') await recordFailedRestore(parts, run, end, isTold);
  else if (run.level === 'verify' || run.level === 'copy') await orderStagingSweeps(parts.queues, parts.runs, run); // it says nothing about the backup
  else await recordFailedBackup(parts, run, run.level, end, keepMs, isTold);
  await parts.runs.end(run.id, {}, undefined, keepMs);
}

/** Not ended yet. */
const OPEN: readonly Run['phase'][] = ['planning', 'saving', 'sealing'];

/** A verification or copy that failed says nothing about the backup, and comes again by its schedule. */
async function addLetter({ runs, queues }: FailRunParts, run: Run, error: { code: string; message: string }, failedAt: string): Promise<void> {
  const { id: runId, kind, basepathId, path, level, startedAt } = run;
  if (kind === 'verify' || kind === 'copy' || level === 'verify' || level === 'copy') return;
  const letter: DeadLetter = { v: 1, runId, kind, basepathId, path, level, startedAt, failedAt, ...error, last: await lastError(runs.redis, runId) };
  await new DeadLetters(queues).add(letter);
}

type End = Pick<RecordOf<'restore-ended'>, 'outcome' | 'error' | 'startedAt' | 'endedAt' | 'bytes' | 'files'>;

async function recordFailedBackup(parts: FailRunParts, run: Run, level: RecordOf<'attempt-ended'>['level'], end: End, keepMs: number, isTold: boolean): Promise<void> {
  const { id: backupId, basepathId } = run;
  if (!isTold) {
    await parts.journal.append({ kind: 'attempt-ended', backupId, basepathId, level, ...end });
    await rememberFailure(parts.runs.redis, basepathId, level, Date.parse(end.endedAt));
  }
  await orderSweeps(parts.queues, parts.runs, { backupId, basepathId }, '', keepMs);
}

/** What was restored so far stays where it is; slices that were fetched for it do not. What was asked for stands in the job. */
async function recordFailedRestore(parts: FailRunParts, run: Run, end: End, isTold: boolean): Promise<void> {
  const job = isTold ? undefined : await parts.queues.backup.getJob(run.jobId);
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
  if (match !== null) return { code: match[1] ?? '', message: match[2] ?? '' };
  // BullMQ's own words for a job whose workers died again and again.
  if (line.startsWith('job stalled more than allowable limit')) return { code: 'WORKERS_LOST', message: 'every worker that took the job died, or lost Redis, while it worked on it' };
  return { code: 'UNEXPECTED', message: line };
}
