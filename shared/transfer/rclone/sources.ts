import { createHash } from 'node:crypto';
import { mapLimited } from '../../catalog/map-limited.js';
import { toBwError, type BwError } from '../../errors/bw-error.js';
import type { TransferItem } from '../backend.js';
import { sourceCorrupt } from '../posix/copy-into.js';
import { sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { closeFile, openFile } from '../posix/raw-fs.js';
import { readChunks } from '../posix/read-chunks.js';
import type { HashName } from './facts.js';

/** An item whose file is what dar wrote, with the hash that the far end can be asked for. */
export interface ProvenItem {
  readonly item: TransferItem;
  readonly hash: string;
}

export interface FailedItem {
  readonly item: TransferItem;
  readonly error: BwError;
}

/** Two reads keep a disk and two cores busy. */
const AT_ONCE = 2;

/**
 * Reads every file once: SHA-512 proves that it is what dar wrote, the other hash is what it is compared by in the remote. rclone reads it again to send it; what changes in
 * between is seen by that comparison.
 */
export async function proveSources(items: readonly TransferItem[], algorithm: HashName, signal: AbortSignal | undefined): Promise<{ proven: ProvenItem[]; failed: FailedItem[] }> {
  const results = await mapLimited(items, AT_ONCE, async (item): Promise<ProvenItem | FailedItem> => {
    try {
      return { item, hash: await proveSource(item, algorithm, signal) };
    } catch (thrown) {
      return { item, error: toBwError(thrown) };
    }
  });
  return {
    proven: results.filter((result): result is ProvenItem => 'hash' in result),
    failed: results.filter((result): result is FailedItem => 'error' in result),
  };
}

/** Throws TRANSFER_SOURCE_CORRUPT, TRANSFER_SOURCE_MISSING, STAGING_IO, TRANSFER_ABORTED. */
async function proveSource(item: TransferItem, algorithm: HashName, signal: AbortSignal | undefined): Promise<string> {
  const sha512 = createHash('sha512');
  const own = createHash(algorithm);
  let bytes = 0;
  const fd = await openFile(item.file, 'r').catch((thrown: unknown) => {
    throw sourceError(thrown, item.file);
  });
  try {
    for await (const chunk of readChunks(fd, item.bytes)) {
      throwIfAborted(signal, item.object);
      sha512.update(chunk);
      own.update(chunk);
      bytes += chunk.length;
    }
  } catch (thrown) {
    throw sourceError(thrown, item.file);
  } finally {
    await closeFile(fd);
  }
  const found = sha512.digest('hex');
  if (bytes !== item.bytes || found !== item.sha512) throw sourceCorrupt(item, `${bytes} bytes, sha512 ${found}`);
  return own.digest('hex');
}
