import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NO_HASH, type TransferItem, type TransferOptions } from '../backend.js';
import { writeAll } from '../posix/copy-into.js';
import { objectCorrupt, objectMissing } from '../posix/fetch-object.js';
import { sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { FILE_MODE } from '../posix/part-file.js';
import { closeFile, openFile, unlinkFile } from '../posix/raw-fs.js';
import { wordsError } from './classify.js';
import type { FarEnd } from './far-end.js';
import { BatchProgress } from './progress.js';
import { hasRoom, prove } from './prove.js';
import { BIG_BYTES } from './put-items.js';

/** What is damaged on its way, not at rest, comes again so often. */
const TRIES = 3;

/**
 * Brings an object, or a part of one, to item.file (0600, must not exist), hashed on its way; removes the file again unless size and hash are right.
 * Throws RESTORE_OBJECT_CORRUPT, RESTORE_OBJECT_MISSING, STAGING_*, TRANSFER_*, LTS_MISSING.
 */
export async function fetchItem(far: FarEnd, item: TransferItem, options: TransferOptions): Promise<void> {
  const path = far.path(item.object);
  await far.sessions.use(async (session) => {
    const size = await session.size(path);
    if (size === null) await far.assertRoot(session);
    if (size === null) throw objectMissing(item.object);
    if (!hasRoom(size, item)) throw objectCorrupt(item, `${size} bytes`);
  }, options.signal);
  const target = await openFile(item.file, 'wx', FILE_MODE).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
  let complete = false;
  try {
    await fetchInto(far, target, path, item, options);
    complete = true;
  } finally {
    await closeFile(target);
    if (!complete) await unlinkFile(item.file);
  }
}

async function fetchInto(far: FarEnd, target: number, path: string, item: TransferItem, options: TransferOptions): Promise<void> {
  const progress = new BatchProgress(far, options);
  for (let tries = 1; ; tries += 1) {
    const { found, said } = await copyHashing(far, target, path, item, options, progress);
    if (found === item.sha512 || item.sha512 === NO_HASH) return;
    const atRest = await far.sessions.use((session) => prove(far, session, { item, path, hasFile: false, signal: options.signal }), options.signal);
    if (atRest !== 'match') throw objectCorrupt(item, found === null ? 'another length' : `sha512 ${found}`);
    if (tries === TRIES) throw wordsError(said.trim() === '' ? 'what arrives differs from what the server has' : said, item.object);
  }
}

/** Its hash; null when the length is wrong. */
async function copyHashing(far: FarEnd, target: number, path: string, item: TransferItem, options: TransferOptions, progress: BatchProgress): Promise<{ found: string | null; said: string }> {
  const { signal } = options;
  const hash = createHash('sha512');
  let done = 0;
  const take = (stream: Readable): Promise<void> => pipeline(stream, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      await far.bandwidth.read.take(chunk.length, signal);
      throwIfAborted(signal, item.object);
      const mine = chunk.subarray(0, Math.max(0, item.bytes - done));
      hash.update(mine);
      await writeAll(target, mine, done).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
      done += chunk.length;
      progress.reach(item, done);
    }
  });
  const range = item.offset === undefined ? {} : { range: { offset: item.offset, length: item.bytes } };
  const said = await far.urlCopy.get(path, { parallel: item.bytes >= BIG_BYTES, ...range }, signal, take);
  throwIfAborted(signal, item.object);
  if (item.sha512 === NO_HASH && done !== item.bytes) throw wordsError(`${said}\n${done} of ${item.bytes} bytes arrived`, item.object);
  return { found: done === item.bytes ? hash.digest('hex') : null, said };
}
