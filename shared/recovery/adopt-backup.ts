import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeManifest, storedFiles, withCopies, type Catalog, type Manifest, type StoredFile } from '../catalog/index.js';
import { BwError } from '../errors/bw-error.js';
import { copyRecordsIn } from './adopt-copies.js';
import { newStart } from '../runs/start-name.js';
import { NO_HASH, type TransferBackend } from '../transfer/backend.js';
import { fetchItems, itemAt } from '../transfer/fetch-items.js';

export const MANIFEST_OBJECT = 'manifest.json';

/** The manifest an LTS holds of a backup as an object of its own, or null. `tempDir`: of ours. Throws MANIFEST_DAMAGED, MANIFEST_FOREIGN and what the backend throws. */
export async function manifestIn(backend: TransferBackend, basepathId: string, backupId: string, tempDir: string): Promise<Manifest | null> {
  const object = `${basepathId}/${backupId}/${MANIFEST_OBJECT}`;
  const there = await backend.stat(object);
  if (there === null) return null;
  const where = `${backend.name}:${object}`;
  const path = backend.localPath(object);
  if (path !== null) return decodeManifest(await readFile(path), where);
  const file = join(tempDir, `manifest-${newStart(0)}.json`);
  try {
    await backend.stage([object]);
    await backend.fetch({ object, file, bytes: there.bytes, sha512: NO_HASH });
    return decodeManifest(await readFile(file), where);
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * A manifest in LTS without one in the catalog: a seal was cut off between the two, or the catalog was lost. The backup is
 * complete, so it is sealed with that very manifest, from its files in LTS. `tempDir`: of ours, on the catalog's filesystem. `onLinked`: see SealRequest.
 * Returns 'taken' when the catalog has it already. Throws what fetch and Catalog.seal throw.
 */
export async function adoptBackup(catalog: Catalog, backend: TransferBackend, manifest: Manifest, tempDir: string, signal?: AbortSignal, onLinked: () => void = () => undefined): Promise<'sealed' | 'taken'> {
  const dir = join(tempDir, `adopt-${newStart(0)}`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  try {
    const records = await copyRecordsIn(backend, manifest, dir);
    const files = storedFiles(withCopies(manifest, records));
    for (const file of files) await fetchFile(backend, file, join(dir, file.name), signal);
    const sealed = await catalog.seal({ manifest, files: files.map(({ name }) => ({ from: join(dir, name), name })), onLinked });
    if (sealed === 'sealed') for (const record of records) await catalog.addCopyRecord(manifest.basepathId, record);
    return sealed;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function fetchFile(backend: TransferBackend, file: StoredFile, to: string, signal: AbortSignal | undefined): Promise<void> {
  const location = file.locations[backend.name];
  if (location === undefined) throw notReadable(backend, file.name);
  await fetchItems(backend, [itemAt(location, file, to)], signal === undefined ? {} : { signal });
}

function notReadable(backend: TransferBackend, object: string): BwError {
  return new BwError('ADOPT_OBJECT_UNREADABLE', {
    message: 'an object that is needed to finish a seal cannot be read from this LTS',
    subject: `${backend.name}:${object}`,
    retry: 'permanent',
    hint: 'Nothing was sealed and nothing is lost; the next scheduled run makes a new backup under new names.',
  });
}
