import type { Journal } from '../journal/journal.js';
import type { QueueSet } from '../queues/queue-set.js';
import type { ItemStore } from './item-store.js';
import { orderSweeps } from './order-sweeps.js';
import type { Run, RunStore } from './run-store.js';

export interface FailRunParts {
  readonly runs: RunStore;
  readonly items: ItemStore;
  readonly queues: QueueSet;
  readonly journal: Journal;
  readonly now: () => Date;
}

/**
 * Ends a run whose job failed for good: journal entry, run marked failed, leftovers ordered away. The run's phase
 * makes it idempotent: worker event and producer sweep may both report the same failure.
 */
export async function failRun(parts: FailRunParts, id: string, error: { code: string; message: string }): Promise<boolean> {
  const run = await parts.runs.read(id);
  if (run === null || run.phase === 'done' || run.phase === 'failed') return false;
  const endedAt = parts.now().toISOString();
  await parts.runs.end(id, { phase: 'failed', endedAt, error: `${error.code}: ${error.message}` });
  if (run.kind === 'backup') await recordFailedBackup(parts, run, endedAt, error);
  return true;
}

async function recordFailedBackup(parts: FailRunParts, run: Run, endedAt: string, error: { code: string; message: string }): Promise<void> {
  if (run.level === 'restore') return;
  await parts.journal.appendAll([
    {
      kind: 'attempt-ended',
      backupId: run.id,
      basepathId: run.basepathId,
      level: run.level,
      outcome: 'failed',
      error,
      startedAt: run.startedAt,
      endedAt,
      bytes: '0',
      files: 0,
    },
  ]);
  await orderSweeps(parts.queues, parts.items, { backupId: run.id, basepathId: run.basepathId });
}

/** `CODE: message` as runJob wrote it, back into its parts; the first line only. */
export function parseFailedReason(reason: string): { code: string; message: string } {
  const line = reason.split('\n', 1)[0] ?? '';
  const match = /^([A-Z][A-Z0-9_]+): (.*)$/.exec(line);
  return match === null ? { code: 'UNEXPECTED', message: line } : { code: match[1] ?? '', message: match[2] ?? '' };
}
