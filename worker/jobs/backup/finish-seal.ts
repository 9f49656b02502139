import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { adoptBackup, manifestIn } from '../../../shared/recovery/adopt-backup.js';
import type { WorkerContext } from '../../context.js';

/**
 * Another start of this backup brought its manifest to LTS before it was cut off: the seal is finished with that very
 * manifest. `byUs`: it was not sealed before. Throws SEAL_OBJECT_CONFLICT when there is none to finish from.
 */
export async function finishSealFromLts(context: WorkerContext, job: BackupJob, workDir: string, signal: AbortSignal): Promise<{ manifest: Manifest; byUs: boolean }> {
  let byUs = false;
  for (const backend of context.backends) {
    const manifest = await manifestIn(backend, job.basepathId, job.backupId, workDir);
    if (manifest === null) continue;
    await adoptBackup(context.catalog, backend, manifest, workDir, signal, () => { byUs = true; });
    return { manifest, byUs };
  }
  throw new BwError('SEAL_OBJECT_CONFLICT', {
    message: 'an object of this backup exists in long-term storage with other content, but no manifest to finish from',
    subject: `${job.basepathId}/${job.backupId}`,
    retry: 'permanent',
    hint: 'Nothing was sealed and nothing is lost; the next scheduled run makes a new backup under new names.',
  });
}
