import type { ManifestArchive } from '../../../shared/catalog/manifest.js';
import { windowBytes } from '../../../shared/restore/room.js';
import type { WorkerContext } from '../../context.js';

/**
 * Waits for the room an extraction takes at most, all of it before it begins: one that waits holds nothing, so no two wait for each other. Returns what
 * gives it back. Nothing is asked for where slices are read in place. `owner`: the directory in staging.
 */
export async function reserveWindow(context: WorkerContext, archive: ManifestArchive, { owner, signal }: { owner: string; signal: AbortSignal }): Promise<() => void> {
  const bytes = windowBytes(archive, context.backends);
  return bytes === 0 ? () => undefined : context.staging.reserve(bytes, { owner, kind: 'restore', signal });
}
