import type { Manifest } from '../../shared/catalog/index.js';
import type { IndexedBackup } from '../../shared/index/find-versions.js';
import { BackupHistory } from '../../shared/index/path-versions.js';
import type { PathJson } from '../../shared/paths/path-json.js';
import type { Site } from './site.js';

/** What history needs of a sealed backup; whole manifests of many backups would fill memory. */
export interface ListedVersion extends IndexedBackup {
  readonly path: PathJson;
  /** File with the paths that could not be saved, or null. */
  readonly exceptions: string | null;
}

/** All usable sealed backups of a basepath. What cannot be used (damaged manifest, broken chain) is said in the log and left out. */
export async function openHistory(site: Site, basepathId: string): Promise<BackupHistory<ListedVersion>> {
  const backups: ListedVersion[] = [];
  for await (const listed of site.catalog.listBackups({ basepathId })) {
    if (listed.ok) backups.push(versionOf(site, listed.manifest));
    else site.logger.warn({ err: listed.error }, 'manifest not usable: left out');
  }
  const history = new BackupHistory(backups);
  for (const { backupId } of history.broken) site.logger.warn({ backup: backupId, basepath: basepathId }, 'an ancestor of this backup is missing: left out');
  return history;
}

function versionOf({ catalog }: Site, manifest: Manifest): ListedVersion {
  const { backupId, parent, capturedAt, index, exceptions, source } = manifest;
  return { backupId, parent, capturedAt, file: catalog.file(manifest, index), path: source.path, exceptions: exceptions === null ? null : catalog.file(manifest, exceptions) };
}
