import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeCopyRecord, type Catalog, type CopyRecord, type Manifest } from '../catalog/index.js';
import { isRecordObject, recordObject } from '../copies/named.js';
import { BwError } from '../errors/bw-error.js';
import { newStart } from '../runs/start-name.js';
import { NO_HASH, type TransferBackend } from '../transfer/backend.js';

/** What an LTS itself says of the copies it holds of a backup, oldest first. Throws MANIFEST_DAMAGED and what the backend throws. `tempDir`: of ours. */
export async function copyRecordsIn(backend: TransferBackend, { basepathId, backupId }: Pick<Manifest, 'basepathId' | 'backupId'>, tempDir: string): Promise<CopyRecord[]> {
  const prefix = `${basepathId}/${backupId}`;
  const records: CopyRecord[] = [];
  for await (const { object, bytes } of backend.list(prefix)) if (isRecordObject(object, prefix)) records.push(await recordIn(backend, object, bytes, tempDir));
  return records.filter((record) => record.backupId === backupId).sort((a, b) => (a.at < b.at ? -1 : 1));
}

/**
 * Puts the records that an LTS holds of a backup into the catalog, should that have lost them. Of a backup that is not there, or removed, nothing. Oldest first, or none: of two of
 * one LTS the later one counts, so an old one must not come behind it, and one that cannot be read is mended before later ones are taken. Throws as copyRecordsIn.
 */
export async function adoptCopyRecords(catalog: Catalog, backend: TransferBackend, { basepathId, backupId }: Pick<Manifest, 'basepathId' | 'backupId'>, tempDir: string): Promise<void> {
  if (!(await isSealed(catalog, basepathId, backupId))) return;
  const known = await catalog.copyRecords(basepathId, backupId);
  const isNew = (record: CopyRecord): boolean => !known.some(({ lts, at }) => lts === record.lts && at >= record.at);
  for (const record of (await copyRecordsIn(backend, { basepathId, backupId }, tempDir)).filter(isNew)) await catalog.addCopyRecord(basepathId, record);
}

async function isSealed(catalog: Catalog, basepathId: string, backupId: string): Promise<boolean> {
  if (await catalog.isRemoved(basepathId, backupId)) return false;
  return catalog.readManifest(basepathId, backupId).then(() => true, () => false);
}

/** Its name says what its content is. */
async function recordIn(backend: TransferBackend, object: string, bytes: number, tempDir: string): Promise<CopyRecord> {
  const content = await readSmall(backend, object, bytes, tempDir);
  const sha512 = createHash('sha512').update(content).digest('hex');
  if (recordObject(object.slice(0, object.lastIndexOf('/')), sha512) === object) return decodeCopyRecord(content, `${backend.name}:${object}`);
  throw new BwError('RESTORE_OBJECT_CORRUPT', {
    message: 'the object in long-term storage is not what was stored',
    subject: object,
    retry: 'permanent',
    hint: 'Move it away: `bw-bkup copies make --backup BACKUP` makes what it speaks of once more.',
  });
}

async function readSmall(backend: TransferBackend, object: string, bytes: number, tempDir: string): Promise<Buffer> {
  const path = backend.localPath(object);
  if (path !== null) return readFile(path);
  const file = join(tempDir, `copies-${newStart(0)}.json`);
  try {
    await backend.stage([object]);
    await backend.fetch({ object, file, bytes, sha512: NO_HASH });
    return await readFile(file);
  } finally {
    await rm(file, { force: true });
  }
}
