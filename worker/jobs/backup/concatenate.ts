import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { MadeFile } from '../../../shared/runs/shard-result.js';

/** Joins files of a directory into a new one there, hashing on the way; null when nothing is in them. */
export async function concatenate(dir: string, names: readonly string[], target: string): Promise<MadeFile | null> {
  if (names.length === 0) return null;
  const hash = createHash('sha512');
  let bytes = 0;
  async function* content(): AsyncGenerator<Buffer> {
    for (const name of names) {
      for await (const chunk of createReadStream(join(dir, name)) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    }
  }
  await pipeline(content, createWriteStream(join(dir, target), { mode: 0o600 }));
  return bytes === 0 ? null : { name: target, bytes, sha512: hash.digest('hex') };
}
