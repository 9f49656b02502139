import { join } from 'node:path';
import type { Manifest, ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import { itemAt } from '../../../shared/transfer/fetch-items.js';
import { materialise } from '../../../shared/transfer/materialise.js';
import type { WorkerContext } from '../../context.js';

type Reading = Pick<WorkerContext, 'backends' | 'logger' | 'staging'>;

/**
 * Makes all slices of an archive readable below `dir`, each checked against its hash before use. Returns dar's base path. Throws what openSlice throws.
 */
export async function openArchive(context: Reading, archive: ManifestArchive, dir: string, signal: AbortSignal): Promise<string> {
  const start = await context.staging.createStart(dir, archive.key, 'putting');
  for (const slice of archive.slices) await openSlice(context, slice, start, signal);
  return join(start, archive.name);
}

/**
 * Makes a slice readable as `dir/NAME`, checked against its hash before use, from the first LTS that has it intact. Throws RESTORE_NO_COPY, or
 * the error of the last LTS tried.
 */
export async function openSlice(context: Pick<Reading, 'backends' | 'logger'>, slice: ManifestSlice, dir: string, signal: AbortSignal): Promise<void> {
  let last: BwError | null = null;
  for (const backend of context.backends) {
    const location = slice.locations[backend.name];
    if (location === undefined) continue;
    const item = { ...itemAt(location, slice), name: slice.name };
    try {
      await materialise({ backend, items: [item], dir, options: { signal } });
      return;
    } catch (thrown) {
      signal.throwIfAborted();
      last = toBwError(thrown);
      context.logger.warn({ err: last, lts: backend.name, slice: slice.name }, 'copy not usable, trying the next');
    }
  }
  throw last ?? noCopy(slice.name);
}

function noCopy(name: string): BwError {
  return new BwError('RESTORE_NO_COPY', {
    message: 'no configured LTS holds this slice',
    subject: name,
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
