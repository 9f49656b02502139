import { open } from 'node:fs/promises';

/**
 * The bytes of a file from `start` on, in pieces of at most `maxBytes`; a piece is valid until the next one. The buffer is no larger than
 * the file: a stream of Node allocates its high-water mark for every read, which for many small files keeps the garbage collector busy.
 */
export async function* readPieces(file: string, maxBytes: number, start = 0): AsyncGenerator<Buffer, void> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(maxBytes, size - start + 1)));
    for (let at = start; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
