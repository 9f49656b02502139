import { createHash } from 'node:crypto';
import type { BandwidthLimiter } from '../bandwidth.js';
import { throwIfAborted } from './fs-errors.js';
import { readChunks } from './read-chunks.js';

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limiter?: BandwidthLimiter | undefined;
  /** What an abort is reported about. */
  readonly subject: string;
  /** Of the part to read; absent = the whole file. */
  readonly offset?: number | undefined;
}

export interface Content {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha512: string;
}

/** Reads an open file from its start, `expectedBytes` + 1 at most, or a part of it. fs errors come out as they are. */
export async function hashContent(fd: number, expectedBytes: number, options: HashOptions): Promise<Content> {
  const hash = createHash('sha512');
  let bytes = 0;
  for await (const chunk of readChunks(fd, expectedBytes, options.offset)) {
    throwIfAborted(options.signal, options.subject);
    await options.limiter?.take(chunk.length, options.signal);
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha512: hash.digest('hex') };
}

export function sameContent(found: Content, expected: Content): boolean {
  return found.bytes === expected.bytes && found.sha512 === expected.sha512;
}

export function showContent(content: Content): string {
  return `${content.bytes} bytes, sha512 ${content.sha512}`;
}
