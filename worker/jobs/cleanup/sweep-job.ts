import type { JobRun } from '../../processor/run-job.js';
import type { WorkerContext } from '../../context.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { owedBy } from '../../../shared/copies/copy-state.js';
import { ownObjects } from '../../../shared/copies/named.js';
import { isCopyOrdered } from '../../../shared/copies/order.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { parseJob, sweepJobSchema, type SweepJob } from '../../../shared/queues/job-data.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { waitForTasks } from '../../tasks/hand-over.js';
import { namedByOthers } from './named-objects.js';

/** Clocks of a storage may be ahead of ours. */
const NO_AGE_MS = -3_600_000;

/** Gives this host's staging of an ended backup or restore back; of a restore also its work directory, which is all that it has. */
export async function sweepStagingJob(context: WorkerContext, run: JobRun): Promise<void> {
  const data = parseJob(sweepJobSchema, run.job.data, run.job.id);
  await refuseWhileRunning(context, data.backupId);
  await context.staging.removeBackup(data.backupId);
  if ((await context.runs.read(data.backupId))?.level === 'restore') await context.catalog.removeWork(data.backupId);
}

/**
 * Removes what an ended backup left: its work directory, what a seal that was cut off left in the catalog, and in LTS what was half written for nobody and objects that no
 * sealed manifest names (starts that were given up; all of them when it never sealed). Named ones, by whichever backup, are never touched (invariant 2).
 * Repeating it has no further effect. Throws CATALOG_MISSING, LTS_MISSING while either is not mounted: then nothing says what is rubbish.
 */
export async function sweepBackupJob(context: WorkerContext, run: JobRun): Promise<{ orphans: number }> {
  const data = parseJob(sweepJobSchema, run.job.data, run.job.id);
  await refuseWhileRunning(context, data.backupId);
  await context.catalog.assertThere();
  // Removed meanwhile: undelete may bring it back, and an erasure takes everything.
  if (await context.catalog.isRemoved(data.basepathId, data.backupId)) return { orphans: 0 };
  const prefix = `${data.basepathId}/${data.backupId}`;
  const isOnItsWay = (): Promise<boolean> => isInTask(context, `${prefix}/manifest.json`);
  if (await isOnItsWay()) await waitForTasks(run, async () => !(await isOnItsWay())); // of a seal that was cut off: what it names must not go before it comes
  if ((await sealedManifest(context, data.basepathId, data.backupId)) === null) await refuseUnfinished(context, prefix);
  await context.catalog.removeWork(data.backupId);
  // Without its work no seal can begin any more: what is not sealed now never will be.
  const manifest = await sealedManifest(context, data.basepathId, data.backupId);
  // Asked once more: a catalog that is lost or unmounted at this moment must not make rubbish of a sealed backup.
  if (manifest === null) await refuseUnfinished(context, prefix);
  await context.catalog.assertThere();
  let orphans = 0;
  for (const backend of context.backends) orphans += await sweepLts(context, backend, data, manifest);
  await context.catalog.sweepBackup(data.basepathId, data.backupId);
  return { orphans };
}

async function sweepLts(context: WorkerContext, backend: TransferBackend, data: SweepJob, manifest: Manifest | null): Promise<number> {
  const prefix = `${data.basepathId}/${data.backupId}`;
  const isOwn = manifest === null ? () => false : ownObjects(manifest, prefix);
  const unnamed: string[] = [];
  for await (const { object } of backend.list(prefix)) if (!isOwn(object)) unnamed.push(object);
  const others = unnamed.length === 0 ? new Set<string>() : await namedByOthers(context, data);
  const rubbish = unnamed.filter((object) => !others.has(object));
  await backend.remove(rubbish);
  if (!(await mayStillCome(context, backend.name, manifest))) await backend.sweepParts?.(NO_AGE_MS, prefix); // whoever may still write there has nobody who waits for it
  return rubbish.length;
}

/** Whether a copy is made there, or a task that was under way when the backup sealed brings it: what these leave goes by its age (sweep-parts-job.ts). */
async function mayStillCome({ queues }: WorkerContext, lts: string, manifest: Manifest | null): Promise<boolean> {
  if (manifest === null) return false;
  return owedBy(manifest, [lts]).length > 0 || isCopyOrdered(queues, { backupId: manifest.backupId, lts });
}

/** Whether an object is in a task of an asynchronous LTS, or waits here for one. */
async function isInTask({ backends, queues, config }: WorkerContext, object: string): Promise<boolean> {
  const outbox = new Outbox(queues.redis);
  for (const { name } of backends.filter((backend) => backend.capabilities().async)) if ((await outbox.pending(name, config.host, [object])).size > 0) return true;
  return false;
}

/** A manifest in LTS without one in the catalog is a seal to be finished, not rubbish. */
async function refuseUnfinished(context: WorkerContext, prefix: string): Promise<void> {
  for (const backend of context.backends) {
    if ((await backend.stat(`${prefix}/manifest.json`)) !== null) throw unfinishedSeal(`${backend.name}:${prefix}`);
  }
}

async function sealedManifest(context: WorkerContext, basepathId: string, backupId: string): Promise<Manifest | null> {
  try {
    return await context.catalog.readManifest(basepathId, backupId);
  } catch (thrown) {
    if (toBwError(thrown).code === 'MANIFEST_MISSING') return null;
    throw thrown; // damaged or foreign: what it names is unknown, so nothing may be removed
  }
}

async function refuseWhileRunning(context: WorkerContext, backupId: string): Promise<void> {
  const run = await context.runs.read(backupId);
  if (run === null || run.phase === 'done' || run.phase === 'failed') return;
  throw new BwError('SWEEP_TOO_EARLY', {
    message: 'the backup is still running',
    subject: `backup ${backupId}`,
    retry: 'retry',
    hint: 'Nothing to do: the sweep is tried again.',
  });
}

function unfinishedSeal(where: string): BwError {
  return new BwError('SEAL_UNFINISHED', {
    message: 'long-term storage holds a manifest that the catalog does not: a seal was cut off',
    subject: where,
    retry: 'permanent',
    hint: 'Finish it with `bw-bkup catalog rebuild`; nothing was removed.',
  });
}
