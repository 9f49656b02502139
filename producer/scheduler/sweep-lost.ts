import type { Catalog } from '../../shared/catalog/index.js';
import { readJournal } from '../../shared/journal/index.js';
import type { RecordOf } from '../../shared/journal/index.js';
import type { FailRunParts } from '../../shared/runs/fail-run.js';
import { orderSweeps } from '../../shared/runs/order-sweeps.js';

export interface SweepLostParts extends FailRunParts {
  readonly catalog: Catalog;
}

/** Who still works for a backup that Redis has lost is stopped long before; a seal that had begun is through, or never will be. */
const UNCHANGED_MS = 600_000;

/** Work that no attempt on record explains was made to bring a backup back from LTS, and cut off. */
const UNCLAIMED_MS = 86_400_000;

/**
 * Backups whose work lies in the catalog while Redis has never heard of them: it was wiped or replaced. Their end goes on record and what they
 * left is ordered away; what had sealed stays. Returns how many.
 */
export async function sweepLost(parts: SweepLostParts): Promise<number> {
  const lost = await lostBackups(parts);
  if (lost.size === 0) return 0;
  const known = await attemptsOf(parts, lost);
  for (const [id, changedMs] of lost) if (!known.has(id) && parts.now().getTime() - changedMs > UNCLAIMED_MS) await parts.catalog.removeWork(id);
  for (const [backupId, started] of known) {
    if (!started.ended) await recordLost(parts, started.record, lost.get(backupId) ?? 0);
    await orderSweeps(parts.queues, parts.runs, started.record, '.lost');
  }
  return known.size;
}

/** Ids, and the last sign of life of each, ms since the epoch. */
async function lostBackups({ catalog, runs, now }: SweepLostParts): Promise<Map<string, number>> {
  const newest = new Map<string, number>();
  for (const { backupId, changedMs } of await catalog.listWork()) newest.set(backupId, Math.max(changedMs, newest.get(backupId) ?? 0));
  const lost = new Map<string, number>();
  for (const [backupId, changedMs] of newest) {
    if (now().getTime() - changedMs > UNCHANGED_MS && (await runs.read(backupId)) === null) lost.set(backupId, changedMs);
  }
  return lost;
}

interface Attempt {
  readonly record: RecordOf<'attempt-started'>;
  ended: boolean;
}

/** The journal knows the basepath of a backup: its start is on record before its work directory is made. */
async function attemptsOf({ catalog }: SweepLostParts, backupIds: ReadonlyMap<string, number>): Promise<Map<string, Attempt>> {
  const found = new Map<string, Attempt>();
  const kinds = ['attempt-started', 'attempt-ended', 'sealed'] as const;
  for await (const record of readJournal(catalog.journalDir, { kinds, onProblem: () => undefined })) {
    const known = found.get(record.backupId);
    if (record.kind !== 'attempt-started') {
      if (known !== undefined) known.ended = true;
    } else if (known === undefined && backupIds.has(record.backupId)) found.set(record.backupId, { record, ended: false });
  }
  return found;
}

/** It ended when it was last seen: what was sealed since makes it good. */
async function recordLost({ journal }: SweepLostParts, started: RecordOf<'attempt-started'>, lastSeenMs: number): Promise<void> {
  const { backupId, basepathId, level, at } = started;
  const error = { code: 'JOB_GONE', message: 'Redis lost the backup while it was running' };
  const end = { outcome: 'failed' as const, error, startedAt: at, endedAt: new Date(lastSeenMs).toISOString(), bytes: '0', files: 0 };
  await journal.append({ kind: 'attempt-ended', backupId, basepathId, level, ...end });
}
