import type { TransferItem, TransferOptions } from '../backend.js';
import type { BandwidthLimiter } from '../bandwidth.js';
import { sourceError, throwIfAborted } from './fs-errors.js';
import { hashContent, sameContent, showContent } from './hash-file.js';
import { closeFile, openFile, readFile, writeFile } from './raw-fs.js';
import { readChunks } from './read-chunks.js';
import { BwError } from '../../errors/bw-error.js';

/** Below this one read and one write do: chunked copying would double the round trips. */
export const SMALL_BYTES = 1024 * 1024;

export interface CopyRequest {
  readonly item: TransferItem;
  /** File descriptor. */
  readonly to: number;
  readonly limiter: BandwidthLimiter;
  readonly options: TransferOptions;
}

/**
 * Copies item.file into an open, empty file. It is not hashed here: the read back compares what arrived with item.sha512,
 * which proves source and copy at once and costs one hash pass instead of two. Throws TRANSFER_SOURCE_*, STAGING_IO,
 * TRANSFER_ABORTED; errors of writing come out as they are.
 */
export async function copyInto(request: CopyRequest): Promise<void> {
  const { item } = request;
  const source = await openFile(item.file, 'r').catch((thrown: unknown) => {
    throw sourceError(thrown, item.file);
  });
  try {
    await (item.bytes < SMALL_BYTES ? copySmall(source, request) : copyLarge(source, request));
  } finally {
    await closeFile(source);
  }
}

async function copySmall(source: number, request: CopyRequest): Promise<void> {
  const { item, to, limiter, options } = request;
  const buffer = Buffer.allocUnsafe(item.bytes + 1);
  const { bytesRead } = await readFile(source, buffer, 0, buffer.length, 0).catch((thrown: unknown) => {
    throw sourceError(thrown, item.file);
  });
  if (bytesRead !== item.bytes) throw sourceCorrupt(item, `${bytesRead} bytes or more`);
  await limiter.take(bytesRead, options.signal);
  throwIfAborted(options.signal, item.object);
  await writeAll(to, buffer.subarray(0, bytesRead), 0);
  options.onProgress?.({ bytes: bytesRead, object: item.object });
}

async function copyLarge(source: number, request: CopyRequest): Promise<void> {
  const { item, to, limiter, options } = request;
  let position = 0;
  for await (const chunk of chunksOfSource(source, item)) {
    if (position + chunk.length > item.bytes) throw sourceCorrupt(item, `more than ${item.bytes} bytes`);
    await limiter.take(chunk.length, options.signal);
    throwIfAborted(options.signal, item.object);
    await writeAll(to, chunk, position);
    position += chunk.length;
    options.onProgress?.({ bytes: chunk.length, object: item.object });
  }
  if (position !== item.bytes) throw sourceCorrupt(item, `${position} bytes`);
}

async function* chunksOfSource(source: number, item: TransferItem): AsyncGenerator<Buffer> {
  const chunks = readChunks(source, item.bytes);
  try {
    for (;;) {
      const next = await chunks.next().catch((thrown: unknown) => {
        throw sourceError(thrown, item.file);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** write(2) may take less than offered, near a full disk for instance. */
export async function writeAll(to: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeFile(to, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Tells, after a copy did not match, whether the source itself is wrong: hashes it. Throws like copyInto. */
export async function isSourceIntact(item: TransferItem, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const source = await openFile(item.file, 'r');
    try {
      return sameContent(await hashContent(source, item.bytes, { signal, subject: item.object }), item);
    } finally {
      await closeFile(source);
    }
  } catch (thrown) {
    throw sourceError(thrown, item.file);
  }
}

export function sourceCorrupt(item: TransferItem, found: string): BwError {
  return new BwError('TRANSFER_SOURCE_CORRUPT', {
    message: 'the file in staging is not what dar wrote; nothing was published',
    retry: 'permanent',
    subject: item.file,
    hint: 'The shard that made it has to be done again. If it happens more than once, check disk and memory of this host.',
    detail: `expected ${showContent(item)}\nfound ${found}`,
  });
}
