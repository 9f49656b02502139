import { dirname } from 'node:path';
import { BwError } from '../../errors/bw-error.js';
import type { TransferItem, TransferOptions } from '../backend.js';
import type { Bandwidth } from '../bandwidth.js';
import { copyInto, isSourceIntact, sourceCorrupt } from './copy-into.js';
import { syncDirectory, type Directories } from './directories.js';
import { dropCache } from './drop-cache.js';
import { errnoOf, throwIfAborted } from './fs-errors.js';
import { hashContent, sameContent, showContent, type Content } from './hash-file.js';
import { createPart, discardPart, type PartFile } from './part-file.js';
import { closeFile, linkFile, lstatPath, openFile, syncFile } from './raw-fs.js';

export interface PutContext {
  readonly directories: Directories;
  readonly bandwidth: Bandwidth;
}

/**
 * Brings one file to `final`: written beside it, fsynced, read back, compared with item.sha512, and only then linked to its
 * name without replacing anything; durable when it returns. Adopts an object of the same content.
 * Throws TRANSFER_OBJECT_EXISTS, TRANSFER_SOURCE_*, TRANSFER_VERIFY_MISMATCH, TRANSFER_ABORTED; fs errors of the LTS side as they are.
 */
export async function putObject(context: PutContext, final: string, key: string, item: TransferItem, options: TransferOptions): Promise<void> {
  throwIfAborted(options.signal, item.object);
  if (await adopt(context, final, item, options)) {
    options.onProgress?.({ bytes: item.bytes, object: item.object });
    return;
  }
  const part = await createPart(context.directories, final, key);
  try {
    await fillPart(context, part, item, options);
    await publish(context, part.path, final, item, options);
  } finally {
    await discardPart(part.path);
  }
  await syncDirectory(dirname(final));
}

async function fillPart(context: PutContext, part: PartFile, item: TransferItem, options: TransferOptions): Promise<void> {
  try {
    await copyInto({ item, to: part.fd, limiter: context.bandwidth.write, options });
    await syncFile(part.fd);
    await dropCache(part.path, item.bytes, options.signal);
    const found = await readBack(context, part.fd, item, options);
    if (!sameContent(found, item)) throw await explainMismatch(item, found, options);
  } finally {
    await closeFile(part.fd);
  }
}

function readBack(context: PutContext, fd: number, item: TransferItem, options: TransferOptions): Promise<Content> {
  return hashContent(fd, item.bytes, { signal: options.signal, limiter: context.bandwidth.read, subject: item.object });
}

async function explainMismatch(item: TransferItem, found: Content, options: TransferOptions): Promise<BwError> {
  if (!(await isSourceIntact(item, options.signal))) return sourceCorrupt(item, showContent(found));
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'what was read back from long-term storage differs from what was written; it was removed again',
    retry: 'retry',
    subject: item.object,
    hint: 'It is sent again. If it happens more than once, check the storage and the network path to it.',
    detail: `expected ${showContent(item)}\nfound ${showContent(found)}`,
  });
}

async function publish(context: PutContext, part: string, final: string, item: TransferItem, options: TransferOptions): Promise<void> {
  throwIfAborted(options.signal, item.object);
  try {
    await linkFile(part, final);
  } catch (thrown) {
    // EEXIST is another putter of the same object, or an NFS server that executed our link twice.
    if (errnoOf(thrown) !== 'EEXIST' || !(await adopt(context, final, item, options))) throw thrown;
  }
}

/** True when `final` is there with item's content, false when absent; throws TRANSFER_OBJECT_EXISTS for other content. */
async function adopt(context: PutContext, final: string, item: TransferItem, options: TransferOptions): Promise<boolean> {
  const stats = await lstatPath(final).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  });
  if (stats === null) return false;
  const found = stats.isFile() && stats.size === item.bytes ? await contentOf(context, final, item, options) : null;
  if (found === null || !sameContent(found, item)) throw objectExists(item, found, stats.size);
  await syncDirectory(dirname(final));
  return true;
}

async function contentOf(context: PutContext, final: string, item: TransferItem, options: TransferOptions): Promise<Content> {
  await dropCache(final, item.bytes, options.signal);
  const fd = await openFile(final, 'r');
  try {
    return await readBack(context, fd, item, options);
  } finally {
    await closeFile(fd);
  }
}

function objectExists(item: TransferItem, found: Content | null, size: number): BwError {
  return new BwError('TRANSFER_OBJECT_EXISTS', {
    message: 'another object of this name is in long-term storage already, with other content; it was left as it is',
    retry: 'permanent',
    subject: item.object,
    hint: 'Names are never used twice, so that object is damaged or foreign: find out which backup names it before removing anything.',
    detail: `expected ${showContent(item)}\nfound ${found === null ? `${size} bytes` : showContent(found)}`,
  });
}
