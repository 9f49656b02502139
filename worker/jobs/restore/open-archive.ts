import { join } from 'node:path';
import type { Manifest, ManifestArchive } from '../../../shared/catalog/manifest.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { materialise, type MaterialiseItem } from '../../../shared/transfer/materialise.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';

/**
 * Makes an archive readable below `dir`, every slice checked against its hash before use, from the first LTS that has it
 * intact. Returns dar's base path. Throws the error of the last LTS tried.
 */
export async function openArchive(context: WorkerContext, archive: ManifestArchive, dir: string, signal: AbortSignal): Promise<string> {
  let last: BwError | null = null;
  for (const backend of context.backends) {
    const items = itemsIn(archive, backend);
    if (items === null) continue;
    try {
      const start = await context.staging.createStart(dir, `${archive.key}-${backend.name}`);
      await materialise({ backend, items, dir: start, options: { signal } });
      return join(start, archive.name);
    } catch (thrown) {
      signal.throwIfAborted();
      last = toBwError(thrown);
      context.logger.warn({ err: last, lts: backend.name, archive: archive.name }, 'copy not usable, trying the next');
    }
  }
  throw last ?? noCopy(archive);
}

function itemsIn(archive: ManifestArchive, backend: TransferBackend): MaterialiseItem[] | null {
  const items: MaterialiseItem[] = [];
  for (const slice of archive.slices) {
    const location = slice.locations[backend.name];
    if (location === undefined) return null;
    items.push({ name: slice.name, object: location.object, bytes: slice.bytes, sha512: slice.sha512 });
  }
  return items;
}

function noCopy(archive: ManifestArchive): BwError {
  return new BwError('RESTORE_NO_COPY', {
    message: 'no configured LTS holds this archive',
    subject: archive.name,
    retry: 'operator',
    hint: 'Configure the LTS that the manifest names, or restore with the restore kit.',
  });
}

/** The archive of a key. Throws RESTORE_ARCHIVE_UNKNOWN. */
export function archiveOf(manifest: Manifest, key: string): ManifestArchive {
  const archive = manifest.archives.find((candidate) => candidate.key === key);
  if (archive !== undefined) return archive;
  throw new BwError('RESTORE_ARCHIVE_UNKNOWN', {
    message: `the manifest names no archive ${key}`,
    subject: manifest.backupId,
    retry: 'permanent',
    hint: 'Index and manifest do not belong together: the catalog is damaged. Take the copies of both from long-term storage.',
  });
}
