import type { JobRun } from '../../processor/run-job.js';
import type { WorkerContext } from '../../context.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { storedFiles } from '../../../shared/catalog/manifest-codec.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { parseJob, sweepJobSchema } from '../../../shared/queues/job-data.js';

/** Objects beside those a manifest names. */
const HELPER_OBJECTS = ['manifest.json', 'archives.tsv', 'SHA512SUMS'] as const;

/** Gives this host's staging of an ended backup or restore back; of a restore also its work directory, which is all that it has. */
export async function sweepStagingJob(context: WorkerContext, run: JobRun): Promise<void> {
  const data = parseJob(sweepJobSchema, run.job.data, run.job.id);
  await refuseWhileRunning(context, data.backupId);
  await context.staging.removeBackup(data.backupId);
  if ((await context.runs.read(data.backupId))?.level === 'restore') await context.catalog.removeWork(data.backupId);
}

/**
 * Removes what an ended backup left: its work directory, and objects in LTS that no sealed manifest names
 * (starts that were given up; all of them when it never sealed). Named ones are never touched (invariant 2).
 */
export async function sweepBackupJob(context: WorkerContext, run: JobRun): Promise<{ orphans: number }> {
  const data = parseJob(sweepJobSchema, run.job.data, run.job.id);
  await refuseWhileRunning(context, data.backupId);
  // Removed meanwhile: undelete may bring it back, and an erasure takes everything.
  if (await context.catalog.isRemoved(data.basepathId, data.backupId)) return { orphans: 0 };
  const prefix = `${data.basepathId}/${data.backupId}`;
  if ((await sealedManifest(context, data.basepathId, data.backupId)) === null) await refuseUnfinished(context, prefix);
  await context.catalog.removeWork(data.backupId);
  // Without its work no seal can begin any more: what is not sealed now never will be.
  const manifest = await sealedManifest(context, data.basepathId, data.backupId);
  // Asked once more: a catalog that is lost or unmounted at this moment must not make rubbish of a sealed backup.
  if (manifest === null) await refuseUnfinished(context, prefix);
  let orphans = 0;
  for (const backend of context.backends) {
    const named = manifest === null ? new Set<string>() : namedObjects(manifest, backend.name, prefix);
    const rubbish: string[] = [];
    for await (const { object } of backend.list(prefix)) if (!named.has(object)) rubbish.push(object);
    await backend.remove(rubbish);
    orphans += rubbish.length;
  }
  return { orphans };
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

function namedObjects(manifest: Manifest, lts: string, prefix: string): Set<string> {
  const named = new Set(HELPER_OBJECTS.map((name) => `${prefix}/${name}`));
  const parts = [...manifest.archives.flatMap((archive) => archive.slices), ...storedFiles(manifest)];
  for (const part of parts) {
    const location = part.locations[lts];
    if (location !== undefined) named.add(location.object);
  }
  return named;
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
