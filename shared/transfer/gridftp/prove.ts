import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TransferItem, Verdict } from '../backend.js';
import { sourceCorrupt } from '../posix/copy-into.js';
import { sourceError } from '../posix/fs-errors.js';
import type { RemoteHash } from './control/facts.js';
import type { ControlSession } from './control/session.js';
import type { FarEnd } from './far-end.js';

export interface ProofRequest {
  readonly item: TransferItem;
  /** What is compared with the item: the object, or the unfinished one. */
  readonly path: string;
  /** item.file is there, so a hash other than the item's own helps. */
  readonly hasFile: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares what is at the far end with an item by the strongest means: the server's SHA-512; else another hash of the server's, which our file is hashed
 * for as well; else it is read back. Its size always. Throws TRANSFER_SOURCE_* when our file is not the item.
 */
export async function prove(far: FarEnd, session: ControlSession, request: ProofRequest): Promise<Verdict> {
  const { item, path } = request;
  const range = { offset: item.offset ?? 0, length: item.offset === undefined ? -1 : item.bytes };
  const algorithm = session.features.hash;
  const usable = algorithm === 'sha512' || request.hasFile ? algorithm : null;
  const [size, hash] = await Promise.all([session.size(path), usable === null ? null : session.hash(usable, path, range, item.bytes)]);
  if (size === null) return 'missing';
  if (!hasRoom(size, item)) return 'mismatch';
  if (usable === null) return (await readBack(far, request)) === item.sha512 ? 'match' : 'mismatch';
  return hash === (usable === 'sha512' ? item.sha512 : await hashOfSource(item, usable)) ? 'match' : 'mismatch';
}

/** An object of this size can be, or hold, the item. */
export function hasRoom(size: number, { bytes, offset }: Pick<TransferItem, 'bytes' | 'offset'>): boolean {
  return offset === undefined ? size === bytes : size >= offset + bytes;
}

async function hashOfSource(item: TransferItem, algorithm: RemoteHash): Promise<string> {
  const own = createHash('sha512');
  const theirs = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(item.file) as AsyncIterable<Buffer>) {
      own.update(chunk);
      theirs.update(chunk);
    }
  } catch (thrown) {
    throw sourceError(thrown, item.file);
  }
  const found = own.digest('hex');
  if (found !== item.sha512) throw sourceCorrupt(item, `sha512 ${found}`);
  return theirs.digest('hex');
}

async function readBack(far: FarEnd, { item, path, signal }: ProofRequest): Promise<string> {
  const hash = createHash('sha512');
  const range = item.offset === undefined ? {} : { range: { offset: item.offset, length: item.bytes } };
  await far.urlCopy.get(path, range, signal, async (stream: Readable) => {
    await pipeline(stream, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        await far.bandwidth.read.take(chunk.length, signal);
        hash.update(chunk);
      }
    });
  });
  return hash.digest('hex');
}
