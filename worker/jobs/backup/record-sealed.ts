import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { owedBy } from '../../../shared/copies/copy-state.js';
import { orderCopy } from '../../../shared/copies/order.js';
import { readJournal } from '../../../shared/journal/index.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import { orderMetadataBundles } from '../../../shared/runs/order-site-jobs.js';
import { orderSweeps } from '../../../shared/runs/order-sweeps.js';
import { sealedRecords, settleSealed } from '../../../shared/runs/record-sealed.js';
import type { WorkerContext } from '../../context.js';
import type { Sealed } from './seal.js';
import { tidyUp } from './tidy-up.js';

/**
 * After the seal: journal, metrics, the quick index in Redis, and orders to clean up. The backup is true
 * already; a crash here only leaves leftovers, which the reconciler of the producer finds.
 */
export async function recordSealed(context: WorkerContext, job: BackupJob, sealed: Sealed): Promise<void> {
  const { manifest } = sealed;
  if (sealed.byUs || !(await isJournaledSoon(context, manifest))) await context.journal.appendAll(sealedRecords(manifest));
  const { level, outcome } = manifest;
  context.metrics.backupSealed({ level, outcome, exceptions: manifest.counts.exceptions, vanished: manifest.counts.vanished });
  await settleSealed(context, manifest, (error) => { context.logger.warn({ err: error }, 'manifest not usable'); });
  if (!sealed.isTidy || !(await tidyUp(context, job.backupId))) await orderSweeps(context.queues, context.runs, job);
  await orderKitRefresh(context.queues);
  await orderMissing(context, manifest);
  const waits = context.config.lts.flatMap(({ bundle }) => (bundle === null ? [] : [bundle.maxWaitMs]));
  if (waits.length > 0) await orderMetadataBundles(context.queues, Math.min(...waits));
}

/** As it is on record: who sealed it may have noted that one more LTS lacks something. Should this be cut off, the reconciler orders it. */
async function orderMissing({ catalog, queues, config }: WorkerContext, { basepathId, backupId }: Manifest): Promise<void> {
  const manifest = await catalog.readManifest(basepathId, backupId);
  for (const lts of owedBy(manifest, config.lts.map(({ name }) => name))) await orderCopy(queues, { basepathId, backupId, lts, repair: false });
}

/** Between the link of a manifest and its record in the journal lies one append with its fsync: milliseconds, on a slow filesystem more. */
const JOURNAL_GRACE_MS = 3_000;
const LOOK_MS = 200;

/** Whoever sealed it may just be about to put that on record; or have died, or lost its lock, before. */
async function isJournaledSoon(context: WorkerContext, manifest: Manifest): Promise<boolean> {
  for (let waited = 0; ; waited += LOOK_MS) {
    if (await isJournaled(context, manifest)) return true;
    if (waited >= JOURNAL_GRACE_MS) return false;
    await sleep(LOOK_MS);
  }
}

async function isJournaled({ catalog }: WorkerContext, { backupId, startedAt }: Manifest): Promise<boolean> {
  for await (const record of readJournal(catalog.journalDir, { kinds: ['sealed'], sinceMs: Date.parse(startedAt), onProblem: () => undefined })) {
    if (record.backupId === backupId) return true;
  }
  return false;
}
