import { createHash } from 'node:crypto';
import { BwError } from '../../errors/bw-error.js';
import { NO_HASH, type TransferItem, type TransferOptions } from '../backend.js';
import type { BandwidthLimiter } from '../bandwidth.js';
import { writeAll } from './copy-into.js';
import { sourceError, throwIfAborted } from './fs-errors.js';
import { sameContent, showContent, type Content } from './hash-file.js';
import { FILE_MODE } from './part-file.js';
import { closeFile, openFile, unlinkFile } from './raw-fs.js';
import { readChunks } from './read-chunks.js';

/**
 * Copies an open object, or the part that item.offset begins, to item.file (0600, must not exist), hashing what it copies; removes the file again unless size and
 * hash are right. Not fsynced: it is read at once and made again after a crash. Throws RESTORE_OBJECT_CORRUPT,
 * STAGING_*, TRANSFER_ABORTED; errors of reading the object come out as they are.
 */
export async function fetchObject(object: number, item: TransferItem, limiter: BandwidthLimiter, options: TransferOptions): Promise<void> {
  const target = await openFile(item.file, 'wx', FILE_MODE).catch((thrown: unknown) => {
    throw sourceError(thrown, item.file);
  });
  let complete = false;
  try {
    const found = await copyHashing(object, target, item, limiter, options);
    if (found.bytes !== item.bytes || (item.sha512 !== NO_HASH && !sameContent(found, item))) throw objectCorrupt(item, showContent(found));
    complete = true;
  } finally {
    await closeFile(target);
    if (!complete) await unlinkFile(item.file);
  }
}

async function copyHashing(object: number, target: number, item: TransferItem, limiter: BandwidthLimiter, options: TransferOptions): Promise<Content> {
  const hash = createHash('sha512');
  let bytes = 0;
  for await (const chunk of readChunks(object, item.bytes, item.offset)) {
    await limiter.take(chunk.length, options.signal);
    throwIfAborted(options.signal, item.object);
    const writing = writeAll(target, chunk, bytes);
    hash.update(chunk);
    await writing.catch((thrown: unknown) => {
      throw sourceError(thrown, item.file);
    });
    bytes += chunk.length;
    options.onProgress?.({ bytes: chunk.length, object: item.object });
  }
  return { bytes, sha512: hash.digest('hex') };
}

export function objectCorrupt(item: Pick<TransferItem, 'object' | 'bytes' | 'sha512'>, found: string): BwError {
  return new BwError('RESTORE_OBJECT_CORRUPT', {
    message: 'the object in long-term storage is not what was stored',
    retry: 'permanent',
    subject: item.object,
    hint: 'Restore from another copy or an older backup, and have the storage checked; `dar -x` may still recover the other files of this archive.',
    detail: `expected ${showContent(item)}\nfound ${found}`,
  });
}

export function objectMissing(object: string): BwError {
  return new BwError('RESTORE_OBJECT_MISSING', {
    message: 'the object is not in long-term storage',
    retry: 'permanent',
    subject: object,
    hint: 'Restore from another copy or an older backup, and find out who removed it.',
  });
}
