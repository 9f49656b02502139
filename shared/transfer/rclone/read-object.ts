import { createHash } from 'node:crypto';
import type { StageResult } from '../../process/index.js';
import { unlinkFile, openFile, closeFile } from '../posix/raw-fs.js';
import { NO_HASH, type TransferItem, type TransferOptions } from '../backend.js';
import { writeAll } from '../posix/copy-into.js';
import { objectCorrupt, objectMissing } from '../posix/fetch-object.js';
import { sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { FILE_MODE } from '../posix/part-file.js';
import { showContent, type Content } from '../posix/hash-file.js';
import { kindOfFailure } from './failures.js';
import { parseMessages } from './messages.js';
import type { RcloneRemote } from './remote.js';
import { unlessSilent } from './silence.js';

export type OnBytes = (bytes: Buffer, position: number) => Promise<void>;

/**
 * Reads an object, or the part item.offset begins, through our own limiter, and hashes it; null when it is not there. One byte more than item.bytes is asked for where it is
 * the whole object, so that a longer one is noticed. Throws LTS_MISSING, TRANSFER_ABORTED, TRANSFER_IO where it hangs, and what rclone met.
 */
export async function readObject(remote: RcloneRemote, item: TransferItem, options: TransferOptions, onBytes?: OnBytes): Promise<Content | null> {
  throwIfAborted(options.signal, item.object);
  const part = item.offset === undefined ? ['--count', String(item.bytes + 1)] : ['--offset', String(item.offset), '--count', String(item.bytes)];
  const pipeline = remote.pipe(remote.command(['cat', ...part, remote.at(item.object)]), options.signal);
  const hash = createHash('sha512');
  let bytes = 0;
  try {
    const output = unlessSilent(pipeline.stdout as AsyncIterable<Buffer>, remote.limits.silentMs, () => remote.hung(item.object, 'rclone cat brought nothing any more'));
    for await (const chunk of output) {
      await remote.options.bandwidth.read.take(chunk.length, options.signal);
      throwIfAborted(options.signal, item.object);
      hash.update(chunk);
      await onBytes?.(chunk, bytes);
      bytes += chunk.length;
    }
  } catch (thrown) {
    pipeline.stop();
    await pipeline.done.catch(() => undefined);
    throw remote.translate(thrown, options.signal, item.object);
  }
  const [{ status, stderr }] = (await pipeline.done) as [StageResult];
  throwIfAborted(options.signal, item.object);
  if (status.code === 0) return { bytes, sha512: hash.digest('hex') };
  const text = stderr.toString('utf8');
  if (kindOfFailure(status.code, parseMessages(text)) !== 'missing') throw remote.failure({ status, stderr: text }, item.object);
  await remote.assertRoot(options.signal);
  return null;
}

/** Brings it to item.file (0600, must not exist), which is removed again unless it is right. Throws as backend.ts says of fetch. */
export async function fetchByRclone(remote: RcloneRemote, item: TransferItem, options: TransferOptions): Promise<void> {
  const target = await openFile(item.file, 'wx', FILE_MODE).catch((thrown: unknown) => {
    throw sourceError(thrown, item.file);
  });
  let complete = false;
  try {
    const found = await readObject(remote, item, options, async (bytes, position) => {
      await writeAll(target, bytes, position).catch((thrown: unknown) => {
        throw sourceError(thrown, item.file);
      });
      options.onProgress?.({ bytes: bytes.length, object: item.object });
    });
    if (found === null) throw objectMissing(item.object);
    if (found.bytes !== item.bytes || (item.sha512 !== NO_HASH && found.sha512 !== item.sha512)) throw objectCorrupt(item, showContent(found));
    complete = true;
  } finally {
    await closeFile(target);
    if (!complete) await unlinkFile(item.file);
  }
}
