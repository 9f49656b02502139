import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { readPieces } from '../files/read-pieces.js';
import type { BundleLayout, BundlePart, PlacedPart } from './lay-out.js';
import { END_BYTES, tarHeader, tarPadding } from './tar.js';

const PIECE_BYTES = 1 << 20;

/** A part whose file is not (any more) what is on record: it goes into no bundle. */
export class PartNotSound extends Error {
  constructor(
    readonly part: BundlePart,
    readonly why: string,
  ) {
    super(`${part.name}: ${why}`);
  }
}

/**
 * Writes a bundle to a file of ours (0600, replaced if there), every part compared with its size and hash on the way. `contentOf`: the file of a part, or
 * its bytes. Throws PartNotSound, what reading throws other than ENOENT, and the signal's reason.
 */
export async function writeBundle<P extends BundlePart>(layout: BundleLayout<P>, file: string, contentOf: (part: P) => string | Buffer, signal?: AbortSignal): Promise<{ bytes: number; sha512: string }> {
  const out = await open(file, 'w', 0o600);
  try {
    const writer = new HashingWriter(out);
    for (const part of layout.parts) {
      await writer.write(tarHeader(part, layout.mtime));
      if (writer.bytes !== part.offset) throw new Error(`a header of ${part.name} has another length than planned`); // never
      await copyPart(writer, part, contentOf(part), signal);
      await writer.write(tarPadding(part.bytes));
    }
    const { name, content } = layout.toc;
    for (const piece of [tarHeader({ name, bytes: content.length }, layout.mtime), content, tarPadding(content.length), Buffer.alloc(END_BYTES)]) await writer.write(piece);
    return { bytes: writer.bytes, sha512: writer.hash.digest('hex') };
  } finally {
    await out.close();
  }
}

async function copyPart(writer: HashingWriter, part: PlacedPart, content: string | Buffer, signal: AbortSignal | undefined): Promise<void> {
  const hash = createHash('sha512');
  let bytes = 0;
  try {
    for await (const piece of typeof content === 'string' ? readPieces(content, PIECE_BYTES) : [content]) {
      signal?.throwIfAborted();
      bytes += piece.length;
      if (bytes > part.bytes) break;
      hash.update(piece);
      await writer.write(piece);
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') throw new PartNotSound(part, 'its file is gone');
    throw thrown;
  }
  if (bytes !== part.bytes) throw new PartNotSound(part, `${part.bytes} bytes expected, ${bytes > part.bytes ? 'more' : bytes} found`);
  if (hash.digest('hex') !== part.sha512) throw new PartNotSound(part, 'its content is not what its hash says');
}

class HashingWriter {
  bytes = 0;
  readonly hash: Hash = createHash('sha512');

  constructor(private readonly out: FileHandle) {}

  async write(piece: Buffer): Promise<void> {
    this.hash.update(piece);
    await this.out.writeFile(piece);
    this.bytes += piece.length;
  }
}
