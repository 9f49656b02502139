import type { Readable } from 'node:stream';

/** What is kept of an output: its beginning, so that memory stays bounded whatever a program prints. */
export interface BoundedOutput {
  readonly bytes: Buffer;
  readonly truncated: boolean;
}

/** Reads a stream to its end, keeping the first `maxBytes`. A stream that fails counts as ended there. */
export function collectBounded(stream: Readable, maxBytes: number): Promise<BoundedOutput> {
  const kept: Buffer[] = [];
  let size = 0;
  let truncated = false;
  stream.on('data', (chunk: Buffer) => {
    const room = maxBytes - size;
    if (chunk.length > room) truncated = true;
    if (room > 0) kept.push(chunk.subarray(0, room));
    size += Math.min(chunk.length, Math.max(room, 0));
  });
  return new Promise((resolve) => {
    const finish = (): void => {
      resolve({ bytes: Buffer.concat(kept), truncated });
    };
    stream.once('close', finish).once('end', finish).on('error', finish);
  });
}

/** The last lines of an output for error details: at most `maxChars` characters. */
export function tailText(bytes: Buffer | string, maxChars = 2000): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('utf8');
  return text.length <= maxChars ? text.trimEnd() : `...${text.slice(-maxChars).trimEnd()}`;
}
