import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { StateLayer } from '../../../shared/index/state.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { parseJob, restoreJobSchema, type RestoreJob } from '../../../shared/queues/job-data.js';
import type { WorkerContext } from '../../context.js';
import { restorePlan, type Earlier, type RestorePlan } from './restore-plan.js';

/** What all jobs of one restore work with. */
export interface OpenRestore {
  readonly request: RestoreJob;
  /** The full first, what is restored last. */
  readonly chain: readonly Manifest[];
  readonly layers: readonly StateLayer[];
  /** Shared by all hosts. */
  readonly workDir: string;
  readonly plan: RestorePlan;
  /** Whoever opened it has reserved room in staging for its extractions, one at a time; absent: each reserves its own. */
  readonly roomIsReserved?: boolean;
}

/** The backups a restore needs, the full first. Throws MANIFEST_*, CHAIN_BROKEN. */
export async function openChain({ catalog }: WorkerContext, { basepathId, backupId }: Pick<RestoreJob, 'basepathId' | 'backupId'>): Promise<Pick<OpenRestore, 'chain' | 'layers'>> {
  const chain = await catalog.chain(await catalog.readManifest(basepathId, backupId));
  return { chain, layers: chain.map((manifest) => ({ file: catalog.file(manifest, manifest.index), backupId: manifest.backupId })) };
}

/**
 * `work`: name of the restore's work directory. `there`: for the first start of one that goes on with an earlier one. Throws MANIFEST_*, CHAIN_BROKEN,
 * RESTORE_PATH_UNKNOWN.
 */
export async function openRestore(context: WorkerContext, request: RestoreJob, work: string, signal: AbortSignal, there?: Earlier): Promise<OpenRestore> {
  const { chain, layers } = await openChain(context, request);
  const { path: workDir } = context.catalog.workDir(request.restoreId, work);
  const plan = await restorePlan({ chain, layers, paths: request.paths.map(fromPathJson), workDir, signal, ...(there === undefined ? {} : { there }) });
  return { request, chain, layers, workDir, plan };
}

/** The same for a part of it: what was asked for stands in the parent's job. Throws RUN_GONE. */
export async function openRestoreOf(context: WorkerContext, restoreId: string, signal: AbortSignal): Promise<OpenRestore> {
  const state = await context.runs.read(restoreId);
  const parent = state === null ? undefined : await context.queues.backup.getJob(state.jobId);
  // Of one that has failed nothing more is restored: another may go on in its directory.
  if (parent === undefined || state === null || state.work === null || state.phase === 'failed') throw restoreGone(restoreId);
  return openRestore(context, parseJob(restoreJobSchema, parent.data, parent.id), state.work, signal);
}

export function manifestOf(restore: Pick<OpenRestore, 'chain'>, backupId: string): Manifest {
  const manifest = restore.chain.find((candidate) => candidate.backupId === backupId);
  if (manifest !== undefined) return manifest;
  throw new BwError('RESTORE_BACKUP_UNKNOWN', {
    message: 'the index names a backup that is not in the chain',
    subject: backupId,
    retry: 'permanent',
    hint: 'Index and manifests do not belong together: the catalog is damaged. Take the copies of both from long-term storage.',
  });
}

export function restoreGone(restoreId: string): BwError {
  return new BwError('RUN_GONE', {
    message: 'the run of this restore is not on record',
    subject: `restore ${restoreId}`,
    retry: 'permanent',
    hint: 'Redis lost it: go on with `bw-bkup restore BASEPATH --to DIR --resume`.',
  });
}
