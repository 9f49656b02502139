import { open, rm, type FileHandle } from 'node:fs/promises';
import { BwError } from '../errors/bw-error.js';
import { createHash } from 'node:crypto';
import type { ObjectLocation } from '../catalog/manifest.js';
import { NO_HASH, type TransferBackend, type TransferItem, type TransferOptions } from './backend.js';
import { sourceError, throwIfAborted } from './posix/fs-errors.js';

/** Of a bundle that is cut, at a time. */
const CHUNK_BYTES = 1024 * 1024;

/** What verify and fetch take for a part that lies there (pure): a bundle begins with a tar header, so only whole objects begin at 0. */
export function itemAt({ object, offset }: Pick<ObjectLocation, 'object' | 'offset'>, part: Pick<TransferItem, 'bytes' | 'sha512'>, file = ''): TransferItem {
  const { bytes, sha512 } = part;
  return { object, file, bytes, sha512, ...(offset > 0 ? { offset } : {}) };
}

/**
 * backend.fetch of many items, in their order; of bundles only what is needed where the backend can. Where it cannot, a bundle that several of them lie in comes
 * once, beside the first of these files, and is gone when this returns: that takes its size in room for as long. Throws what fetch throws, for an abort TRANSFER_ABORTED; what is there then stays.
 */
export async function fetchItems(backend: TransferBackend, items: readonly TransferItem[], options: TransferOptions = {}): Promise<void> {
  if (backend.capabilities().rangeRead === true) {
    for (const item of items) await backend.fetch(item, options);
    return;
  }
  const done = new Set<string>();
  for (const item of items) {
    if (item.offset === undefined) await backend.fetch(item, options);
    else if (!done.has(item.object)) {
      done.add(item.object);
      await cutBundle(backend, items.filter(({ object, offset }) => object === item.object && offset !== undefined), options);
    }
  }
}

async function cutBundle(backend: TransferBackend, items: readonly TransferItem[], options: TransferOptions): Promise<void> {
  const [{ object, file } = { object: '', file: '' }] = items;
  const there = await backend.stat(object);
  const whole: TransferItem = { object, file: `${file}.bundle`, bytes: there?.bytes ?? 0, sha512: NO_HASH };
  try {
    await backend.fetch(whole, options); // says that it is missing, if it is
    const bundle = await open(whole.file, 'r');
    try {
      for (const item of items) await cutItem(bundle, item, options);
    } finally {
      await bundle.close();
    }
  } finally {
    await rm(whole.file, { force: true });
  }
}

async function cutItem(bundle: FileHandle, item: TransferItem, options: TransferOptions): Promise<void> {
  const target = await open(item.file, 'wx', 0o600).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
  let complete = false;
  try {
    const sha512 = await copyPart(bundle, target, item, options).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
    if (sha512 !== item.sha512) throw partCorrupt(item, sha512);
    complete = true;
  } finally {
    await target.close();
    if (!complete) await rm(item.file, { force: true });
  }
}

/** Its hash, or why there is none. */
async function copyPart(bundle: FileHandle, target: FileHandle, { object, offset = 0, bytes }: TransferItem, options: TransferOptions): Promise<string> {
  const hash = createHash('sha512');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(bytes, 1)));
  for (let done = 0; done < bytes; ) {
    throwIfAborted(options.signal, object);
    const { bytesRead } = await bundle.read(buffer, 0, Math.min(buffer.length, bytes - done), offset + done);
    if (bytesRead === 0) return `none: the bundle ends after ${done} bytes of it`;
    hash.update(buffer.subarray(0, bytesRead));
    await target.writeFile(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  return hash.digest('hex');
}

function partCorrupt(item: TransferItem, found: string): BwError {
  return new BwError('RESTORE_OBJECT_CORRUPT', {
    message: 'what lies at this place of a bundle in long-term storage is not what was stored',
    retry: 'permanent',
    subject: item.object,
    hint: 'Restore from another copy or an older backup, and have the storage checked.',
    detail: `at ${item.offset ?? 0}: expected ${item.bytes} bytes, sha512 ${item.sha512}\nfound ${found}`,
  });
}
