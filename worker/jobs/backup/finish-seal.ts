import type { Manifest } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { adoptBackup, manifestIn } from '../../../shared/recovery/adopt-backup.js';
import type { WorkerContext } from '../../context.js';

/**
 * Another start of this backup brought its manifest to LTS before it was cut off: the seal is finished with that very
 * manifest. Throws SEAL_OBJECT_CONFLICT when there is none to finish from.
 */
export async function finishSealFromLts(context: WorkerContext, job: BackupJob, workDir: string, signal: AbortSignal): Promise<Manifest> {
  for (const backend of context.backends) {
    const manifest = await manifestIn(backend, job.basepathId, job.backupId, workDir);
    if (manifest === null) continue;
    await adoptBackup(context.catalog, backend, manifest, workDir, signal);
    return manifest;
  }
  throw new BwError('SEAL_OBJECT_CONFLICT', {
    message: 'an object of this backup exists in long-term storage with other content, but no manifest to finish from',
    subject: `${job.basepathId}/${job.backupId}`,
    retry: 'permanent',
    hint: 'Nothing was sealed and nothing is lost; the next scheduled run makes a new backup under new names.',
  });
}
