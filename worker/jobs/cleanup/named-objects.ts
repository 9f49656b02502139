import { storedFiles, type Manifest } from '../../../shared/catalog/index.js';
import type { WorkerContext } from '../../context.js';

/**
 * Invariant 2: objects below a backup's directory that other backups name stay, sealed or removed and not yet being erased. An unreadable manifest may name
 * any: then this throws, and nothing is deleted.
 */
export async function namedByOthers({ catalog }: Pick<WorkerContext, 'catalog'>, { basepathId, backupId }: { readonly basepathId: string; readonly backupId: string }): Promise<Set<string>> {
  const prefix = `${basepathId}/${backupId}/`;
  const named = new Set<string>();
  const note = (manifest: Manifest): void => {
    const parts = [...manifest.archives.flatMap((archive) => archive.slices), ...storedFiles(manifest)];
    for (const { locations } of parts) for (const { object } of Object.values(locations)) if (object.startsWith(prefix)) named.add(object);
  };
  for await (const listed of catalog.listBackups({ basepathId })) {
    if (!listed.ok) throw listed.error;
    note(listed.manifest);
  }
  for await (const removed of catalog.listRemoved({ basepathId })) {
    if (removed.backupId === backupId || removed.state === 'erasing') continue;
    const manifest = await catalog.readBuried(basepathId, removed.backupId);
    if (manifest !== null) note(manifest);
  }
  return named;
}
