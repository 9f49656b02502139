import { join } from 'node:path';
import type { ManifestArchive } from '../../../shared/catalog/manifest.js';
import { formatSize } from '../../../shared/config/units.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { fetchedBytes } from '../../../shared/restore/room.js';
import { openArchive } from '../restore/open-archive.js';
import { firstSlice, type ArchiveSize } from './in-room.js';
import type { ShardFrame } from './open-shard.js';

/**
 * Makes an archive of the chain readable for dar, which copies from it: in this start's own staging, whole, unless its storage is read in place. Returns dar's
 * base path. Throws STAGING_TOO_SMALL before anything is fetched, and what openArchive throws.
 */
export async function openSource({ context, data, run, start, topdir }: ShardFrame, archive: ManifestArchive, copy: Pick<ArchiveSize, 'bytes' | 'entries'>): Promise<string> {
  checkSourceFits({ fetched: fetchedBytes(archive, context.backends), slice: firstSlice({ ...copy, dar: topdir.dar }), subject: archive.name }, context.config.staging);
  return openArchive(context, archive, join(data.backupId, start), run.signal);
}

export interface SourceRoom {
  /** Bytes of the archive that are fetched. */
  readonly fetched: number;
  /** Bytes that the copy must be given before it begins. */
  readonly slice: number;
  readonly subject: string;
}

/** Throws STAGING_TOO_SMALL where source and a slice of its copy do not even fit alone: the copy would wait for room that its own source takes (pure). */
export function checkSourceFits({ fetched, slice, subject }: SourceRoom, { budgetBytes, restoreShare }: { readonly budgetBytes: number; readonly restoreShare: number }): void {
  const room = Math.floor(budgetBytes * (1 - restoreShare));
  if (fetched === 0 || fetched + slice <= room) return;
  throw new BwError('STAGING_TOO_SMALL', {
    message: 'a consolidation needs more room in staging than backups may take',
    subject,
    detail: `${formatSize(fetched)} of the archive that is copied and ${formatSize(slice)} of the copy, of ${formatSize(room)}`,
    retry: 'operator',
    hint: 'Raise staging.budget, or make a full from the source instead: bw-bkup backup BASEPATH --level full.',
  });
}
