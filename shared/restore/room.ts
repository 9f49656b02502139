import type { ManifestArchive, ManifestSlice } from '../catalog/manifest.js';
import type { TransferBackend } from '../transfer/backend.js';
import { isInPlace } from '../transfer/materialise.js';

/** In the largest archive: the one dar reads, the next one on its way, and the last one, to which dar comes back at its end. */
const WINDOW_SLICES = 3;

/** Whether a slice is read where it lies, and takes no room in staging (pure). */
export function isReadInPlace({ locations }: Pick<ManifestSlice, 'locations'>, backends: readonly TransferBackend[]): boolean {
  return backends.every((backend) => {
    const location = locations[backend.name];
    return location === undefined || isInPlace(backend, location);
  });
}

/** Bytes of staging that all slices of an archive take together (pure). */
export function fetchedBytes({ slices }: Pick<ManifestArchive, 'slices'>, backends: readonly TransferBackend[]): number {
  return slices.reduce((sum, slice) => sum + (isReadInPlace(slice, backends) ? 0 : slice.bytes), 0);
}

/** Where a fetch is a task of a service, which takes its time to begin and to be noticed: what comes in one at most. */
const TASK = { slices: 32, bytes: 16 * 1024 ** 3 } as const;

/** Bytes of staging that extracting from an archive takes at most, whatever its size; 0 where it is read in place (pure). */
export function windowBytes(archive: Pick<ManifestArchive, 'slices'>, backends: readonly TransferBackend[]): number {
  const fetched = archive.slices.filter((slice) => !isReadInPlace(slice, backends)).map(({ bytes }) => bytes);
  const largest = Math.max(0, ...fetched);
  const task = backends[0]?.fetchAll === undefined ? 0 : Math.min(TASK.bytes, TASK.slices * largest);
  return Math.min(fetchedBytes(archive, backends), Math.max(WINDOW_SLICES * largest, task));
}
