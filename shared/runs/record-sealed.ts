import type { Catalog } from '../catalog/index.js';
import type { Manifest } from '../catalog/manifest.js';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import type { BwError } from '../errors/bw-error.js';
import type { JournalEntry } from '../journal/index.js';
import type { QueueSet } from '../queues/queue-set.js';
import { settleFailures } from './failures.js';
import { stopKeeping } from './kept.js';
import { refreshNewest } from './newest.js';
import type { RunStore } from './run-store.js';

/** What the journal holds of a backup that sealed: that it did, and how its attempt ended. */
export function sealedRecords({ backupId, basepathId, level, outcome, startedAt, sealedAt, counts }: Manifest): [JournalEntry, JournalEntry] {
  const end = { outcome, error: null, startedAt, endedAt: sealedAt, bytes: counts.archiveBytes, files: counts.records };
  return [{ kind: 'sealed', backupId, basepathId }, { kind: 'attempt-ended', backupId, basepathId, level, ...end }];
}

export interface SettleParts {
  readonly runs: RunStore;
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  readonly now: () => Date;
}

/** What follows in Redis from a backup that sealed: the quick index, failures it makes good with what was kept of them, the end of its run. Repeating it has no further effect. */
export async function settleSealed({ runs, queues, catalog, now }: SettleParts, manifest: Manifest, onProblem: (error: BwError) => void): Promise<void> {
  const { backupId, basepathId, level, outcome } = manifest;
  await refreshNewest(runs.redis, catalog, basepathId, onProblem);
  await settleFailures(runs.redis, basepathId, level, async () => stopKeeping(queues, runs, await new DeadLetters(queues).settle(level, basepathId)));
  await runs.end(backupId, { phase: 'done', outcome, endedAt: now().toISOString() });
}
