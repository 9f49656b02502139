import { copyFile, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MadeFile } from '../../../shared/runs/shard-result.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';
import { sendFiles } from '../../tasks/send-files.js';

export interface Upload {
  readonly file: MadeFile;
  /** Absolute path. */
  readonly path: string;
  readonly object: string;
}

/** Small files wait for fsyncs rather than for bytes; libuv has four threads. */
const AT_ONCE = 4;
/** Below this host's staging: files on their way to an asynchronous LTS, whose service sees staging and nothing else. */
const FILES_DIR = 'files';

/**
 * Brings files of ours to one LTS, verified like slices. The same content under the same name is
 * success: a second start of a seal finds what the first one sent. Throws the first error.
 */
export async function uploadFiles(context: WorkerContext, backend: TransferBackend, key: string, uploads: readonly Upload[], signal: AbortSignal): Promise<void> {
  const dir = backend.capabilities().async ? join(context.staging.root, FILES_DIR, `${key}-${backend.name}`) : null;
  try {
    const items = dir === null ? uploads.map(toItem) : await copied(dir, uploads);
    const results = await sendFiles(context, { backend, items, key, signal, atOnce: AT_ONCE });
    for (const result of results) if (result.error !== undefined) throw result.error;
  } finally {
    if (dir !== null) await rm(dir, { recursive: true, force: true });
  }
}

async function copied(dir: string, uploads: readonly Upload[]): Promise<TransferItem[]> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const items: TransferItem[] = [];
  for (const upload of uploads) {
    const file = join(dir, basename(upload.object));
    await copyFile(upload.path, file);
    items.push({ ...toItem(upload), file });
  }
  return items;
}

function toItem({ file, path, object }: Upload): TransferItem {
  return { object, file: path, bytes: file.bytes, sha512: file.sha512 };
}
