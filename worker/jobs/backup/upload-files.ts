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

/**
 * Brings files of ours to one LTS, verified like slices. The same content under the same name is
 * success: a second start of a seal finds what the first one sent. Throws the first error.
 */
export async function uploadFiles(context: WorkerContext, backend: TransferBackend, key: string, uploads: readonly Upload[], signal: AbortSignal): Promise<void> {
  const results = await sendFiles(context, { backend, items: uploads.map(toItem), key, signal, atOnce: AT_ONCE });
  for (const result of results) if (result.error !== undefined) throw result.error;
}

function toItem({ file, path, object }: Upload): TransferItem {
  return { object, file: path, bytes: file.bytes, sha512: file.sha512 };
}
