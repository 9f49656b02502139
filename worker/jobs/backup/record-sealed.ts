import type { Manifest } from '../../../shared/catalog/manifest.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { settleFailures } from '../../../shared/runs/failures.js';
import { refreshNewest } from '../../../shared/runs/newest.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { orderSweeps } from '../../../shared/runs/order-sweeps.js';
import type { WorkerContext } from '../../context.js';
import type { Sealed } from './seal.js';
import { tidyUp } from './tidy-up.js';

/**
 * After the seal: journal, metrics, the quick index in Redis, and orders to clean up. The backup is true
 * already; a crash here only leaves leftovers, which the sweeps of the producer find.
 */
export async function recordSealed(context: WorkerContext, job: BackupJob, sealed: Sealed): Promise<void> {
  const { manifest } = sealed;
  if (sealed.byUs) await journalSealed(context, manifest);
  const { level, outcome } = manifest;
  context.metrics.backupSealed({ level, outcome, exceptions: manifest.counts.exceptions, vanished: manifest.counts.vanished });
  await refreshNewest(context.runs.redis, context.catalog, manifest.basepathId, (error) => { context.logger.warn({ err: error }, 'manifest not usable'); });
  await settleFailures(context.runs.redis, manifest.basepathId, level, () => new DeadLetters(context.queues).settle(level, manifest.basepathId));
  await context.runs.end(job.backupId, { phase: 'done', outcome, endedAt: context.now().toISOString() });
  if (!sealed.isTidy || !(await tidyUp(context, job.backupId))) await orderSweeps(context.queues, context.runs, job);
  await orderKitRefresh(context.queues);
}

async function journalSealed(context: WorkerContext, manifest: Manifest): Promise<void> {
  const { backupId, basepathId, level } = manifest;
  await context.journal.appendAll([
    { kind: 'sealed', backupId, basepathId },
    {
      kind: 'attempt-ended',
      backupId,
      basepathId,
      level,
      outcome: manifest.outcome,
      error: null,
      startedAt: manifest.startedAt,
      endedAt: manifest.sealedAt,
      bytes: manifest.counts.archiveBytes,
      files: manifest.counts.records,
    },
  ]);
}
