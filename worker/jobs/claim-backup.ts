import { BwError } from '../../shared/errors/bw-error.js';
import type { Manifest } from '../../shared/catalog/manifest.js';
import type { WorkerContext } from '../context.js';

/**
 * Puts on record that a run needs a backup, then looks whether it is there: whoever removes one gives it its tombstone first and then looks at
 * these claims, so one of the two sees the other. Throws BACKUP_REMOVED (retry: the next attempt chooses anew).
 */
export async function claimBackup(context: WorkerContext, runId: string, { basepathId, backupId }: Pick<Manifest, 'basepathId' | 'backupId'>): Promise<void> {
  await context.runs.update(runId, { needs: backupId });
  if (!(await context.catalog.isRemoved(basepathId, backupId))) return;
  throw new BwError('BACKUP_REMOVED', {
    message: 'the backup this needs was removed in this moment',
    subject: `backup ${backupId}`,
    retry: 'retry',
    hint: 'A backup chooses another parent when it is tried again. For a restore: `bw-bkup undelete BACKUP` first.',
  });
}
