import type { ManifestArchive } from '../../../shared/catalog/manifest.js';
import type { WorkerContext } from '../../context.js';
import { windowBytes } from './slice-window.js';

/** Where room in staging is accounted for; `owner`: the directory in staging. */
interface RestoreSpace {
  reserve(bytes: number, options: { owner: string; kind: 'restore'; signal: AbortSignal }): Promise<() => Promise<void> | void>;
}

/**
 * Waits for the room an extraction takes at most, all of it before it begins: one that waits holds nothing, so no two wait for each other. Returns what
 * gives it back. Nothing is asked for where slices are read in place.
 */
export async function reserveWindow(context: WorkerContext, archive: ManifestArchive, { owner, signal }: { owner: string; signal: AbortSignal }): Promise<() => Promise<void>> {
  const bytes = windowBytes(archive, context.backends);
  const space = context.staging as Partial<RestoreSpace>;
  if (bytes === 0 || space.reserve === undefined) return () => Promise.resolve();
  const release = await space.reserve(bytes, { owner, kind: 'restore', signal });
  return async () => { await release(); };
}
