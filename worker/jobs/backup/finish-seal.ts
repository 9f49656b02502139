import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeManifest, storedFiles } from '../../../shared/catalog/manifest-codec.js';
import type { Manifest, StoredFile } from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import { newStart } from '../../../shared/runs/start-name.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';

/**
 * A manifest in LTS without one in the catalog: an earlier start was cut off between the two. Its backup is
 * complete, so it is sealed with that very manifest, from the files in LTS.
 */
export async function finishSealFromLts(context: WorkerContext, job: BackupJob, workDir: string, signal: AbortSignal): Promise<Manifest> {
  const object = `${job.basepathId}/${job.backupId}/manifest.json`;
  for (const backend of context.backends) {
    const stat = await backend.stat(object);
    if (stat === null) continue;
    const dir = join(workDir, `adopt-${newStart(0)}`);
    await mkdir(dir, { mode: 0o700 });
    const manifest = await readManifestObject(backend, object);
    for (const file of storedFiles(manifest)) await fetchFile(backend, file, join(dir, file.name), signal);
    await context.catalog.seal({ manifest, files: storedFiles(manifest).map(({ name }) => ({ from: join(dir, name), name })) });
    return manifest;
  }
  throw nowhere(object);
}

async function readManifestObject(backend: TransferBackend, object: string): Promise<Manifest> {
  const path = backend.localPath(object);
  if (path === null) throw nowhere(object);
  return decodeManifest(await readFile(path), `${backend.name}:${object}`);
}

async function fetchFile(backend: TransferBackend, file: StoredFile, to: string, signal: AbortSignal): Promise<void> {
  const location = file.locations[backend.name];
  if (location === undefined) throw nowhere(file.name);
  await backend.fetch({ object: location.object, file: to, bytes: file.bytes, sha512: file.sha512 }, { signal });
}

function nowhere(object: string): BwError {
  return new BwError('SEAL_OBJECT_CONFLICT', {
    message: 'an object of this backup exists in long-term storage with other content, but no manifest to finish from',
    subject: object,
    retry: 'permanent',
    hint: 'Nothing was sealed and nothing is lost; the next scheduled run makes a new backup under new names.',
  });
}
