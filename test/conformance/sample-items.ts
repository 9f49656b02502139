import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TransferItem } from '../../shared/transfer/backend.js';

/** Bytes that differ at every place and are the same in every run. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    bytes[i] = state >> 16;
  }
  return bytes;
}

export function sha512(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex');
}

/** Writes content to `dir` and describes it as an item. */
export async function sampleItem(dir: string, object: string, content: Uint8Array): Promise<TransferItem> {
  const file = join(dir, object.replaceAll('/', '_'));
  await writeFile(file, content);
  return { object, file, bytes: content.length, sha512: sha512(content) };
}
