import { ulid } from 'ulid';
import { isBackupId, isBasepathId, type Catalog } from '../catalog/index.js';
import { isRecordObject } from '../copies/named.js';
import { toBwError, type BwError } from '../errors/bw-error.js';
import type { TransferBackend } from '../transfer/backend.js';
import { adoptCopyRecords } from './adopt-copies.js';
import { adoptBackup, MANIFEST_OBJECT, manifestIn } from './adopt-backup.js';

export interface AdoptReport {
  /** Ids of backups that were brought back into the catalog. */
  readonly adopted: readonly string[];
  readonly problems: readonly BwError[];
}

/**
 * Finds every backup that an LTS holds complete, as objects of its own, and the catalog does not know, and seals it again. One problem does not stop the others. `scratch`: a directory of
 * ours for what is fetched; default: of the catalog.
 */
export async function adoptMissing(catalog: Catalog, backends: readonly TransferBackend[], scratch?: string): Promise<AdoptReport> {
  const adopted: string[] = [];
  const problems: BwError[] = [];
  for (const backend of backends) {
    const copied = new Map<string, Pick<Adoption, 'basepathId' | 'backupId'>>();
    for await (const { object } of backend.list('')) {
      const [basepathId = '', backupId = '', name, more] = object.split('/');
      if (isBasepathId(basepathId) && isBackupId(backupId) && isRecordObject(object, `${basepathId}/${backupId}`)) copied.set(backupId, { basepathId, backupId });
      if (name !== MANIFEST_OBJECT || more !== undefined) continue;
      try {
        if (await adoptOne(catalog, backend, { basepathId, backupId, scratch })) adopted.push(backupId);
      } catch (thrown) {
        problems.push(toBwError(thrown));
      }
    }
    // Behind the backups they belong to.
    for (const each of copied.values()) await adoptRecords(catalog, backend, each).catch((thrown: unknown) => void problems.push(toBwError(thrown)));
  }
  return { adopted, problems };
}

async function adoptRecords(catalog: Catalog, backend: TransferBackend, backup: Pick<Adoption, 'basepathId' | 'backupId'>): Promise<void> {
  const work = await catalog.createWork(ulid(), 1);
  try {
    await adoptCopyRecords(catalog, backend, backup, work.path);
  } finally {
    await catalog.removeWork(work.backupId);
  }
}

interface Adoption {
  readonly basepathId: string;
  readonly backupId: string;
  readonly scratch: string | undefined;
}

async function adoptOne(catalog: Catalog, backend: TransferBackend, { basepathId, backupId, scratch }: Adoption): Promise<boolean> {
  if (await isKnown(catalog, basepathId, backupId)) return false;
  // Under an id of its own: the work of the backup itself is swept at any time, also while this goes on.
  const work = await catalog.createWork(ulid(), 1);
  try {
    const dir = scratch ?? work.path;
    const manifest = await manifestIn(backend, basepathId, backupId, dir);
    return manifest !== null && (await adoptBackup(catalog, backend, manifest, dir)) === 'sealed';
  } finally {
    await catalog.removeWork(work.backupId);
  }
}

/** Also when it was removed (undelete brings it back), or its manifest is damaged: that is reported by every listing, and never overwritten. */
async function isKnown(catalog: Catalog, basepathId: string, backupId: string): Promise<boolean> {
  if (await catalog.isRemoved(basepathId, backupId)) return true;
  try {
    await catalog.readManifest(basepathId, backupId);
    return true;
  } catch (thrown) {
    return toBwError(thrown).code !== 'MANIFEST_MISSING';
  }
}
