import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CHUNK_BYTES, readChunks } from '../../../../../shared/transfer/posix/read-chunks.js';
import { sampleBytes } from '../../../../conformance/sample-items.js';
import { workspace } from '../../../../helpers/workspace.js';

async function readAll(content: Buffer, expected: number): Promise<Buffer> {
  const file = join(await workspace(), 'f');
  writeFileSync(file, content);
  const fd = openSync(file, 'r');
  onTestFinished(() => { closeSync(fd); });
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(fd, expected)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('reading in chunks', () => {
  const lengths = [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7];
  it.each(lengths)('yields exactly the %d bytes of a file of the expected length', async (length) => {
    const content = sampleBytes(length);
    expect((await readAll(content, length)).equals(content)).toBe(true);
  });

  it.each(lengths.slice(1))('yields all of a file shorter than the %d bytes expected', async (length) => {
    const content = sampleBytes(length - 1);
    expect((await readAll(content, length)).equals(content)).toBe(true);
  });

  it.each(lengths)('shows that a file is longer than the %d bytes expected, without reading it all', async (length) => {
    const content = sampleBytes(length + 5 * CHUNK_BYTES);
    expect((await readAll(content, length)).equals(content.subarray(0, length + 1))).toBe(true);
  });
});
