import { readFile } from './raw-fs.js';

/** One libuv round trip costs about 60 us; at 1 MiB that vanishes, and hashing a chunk blocks the event loop for 1.3 ms only. */
export const CHUNK_BYTES = 1024 * 1024;

/**
 * The content of an open file from its start, read ahead by one chunk while the caller works on the last.
 * A chunk is valid until the next is asked for. `atMost` + 1 bytes are read at most, so that a file that grew is noticed; with an `offset` it is
 * the part of `atMost` bytes from there on, and nothing beyond.
 */
export async function* readChunks(fd: number, atMost: number, offset?: number): AsyncGenerator<Buffer> {
  const most = offset === undefined ? atMost + 1 : atMost;
  const from = offset ?? 0;
  const size = Math.min(CHUNK_BYTES, most);
  const buffers = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(atMost < size ? 0 : size)] as const;
  let position = 0;
  let pending = readAt(fd, buffers[0], from, most);
  try {
    for (let index = 1; ; index += 1) {
      const { bytesRead, buffer, wanted } = await pending;
      position += bytesRead;
      // Less than wanted, with all expected bytes there, is the end of a regular file: asking again would cost a round trip.
      const last = bytesRead === 0 || position === most || (position === atMost && bytesRead < wanted);
      if (!last) pending = readAt(fd, nextBuffer(buffers, index, size), from + position, most - position);
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
      if (last) return;
    }
  } finally {
    // The caller closes the handle next: the read in flight has to end first. Its error, if any, was or would have been thrown above.
    await pending.catch(() => undefined);
  }
}

/** The second buffer of a file that should fit into one is made only if it does not (a short read, a file that grew). */
function nextBuffer(buffers: readonly [Buffer, Buffer], index: number, size: number): Buffer {
  const buffer = index % 2 === 0 ? buffers[0] : buffers[1];
  return buffer.length === 0 ? Buffer.allocUnsafe(size) : buffer;
}

async function readAt(fd: number, buffer: Buffer, position: number, most: number) {
  const wanted = Math.min(buffer.length, most);
  const { bytesRead } = await readFile(fd, buffer, 0, wanted, position);
  return { bytesRead, buffer, wanted };
}
