import { randomUUID } from 'node:crypto';
import { access, constants, copyFile, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toBwError, type BwError } from '../../errors/bw-error.js';
import { NO_HASH, type TransferItem, type TransferOptions, type Verdict } from '../backend.js';
import { assertObjectName, PART_MARK } from '../object-name.js';
import { objectCorrupt, objectMissing } from '../posix/fetch-object.js';
import { errnoOf, sourceError, throwIfAborted } from '../posix/fs-errors.js';
import { hashContent, showContent } from '../posix/hash-file.js';
import type { Move } from './documents.js';
import { isMapped, joinPath, mapFile } from './path-map.js';
import type { Place } from './place.js';
import { byDirectory } from './publish.js';
import { prepareScratch } from './scratch.js';

/** Objects of a directory that are asked for one by one, rather than by its whole listing. */
const FEW = 3;

interface Coming {
  readonly item: TransferItem;
  /** Local name until it is proven. */
  readonly part: string;
}

/**
 * Objects from the collection to local files, as one task per source collection, each hashed here: the service's own word is not taken for it. Returns errors by file;
 * throws what concerns all of them.
 */
export async function bringBack(place: Place, items: readonly TransferItem[], options: TransferOptions = {}): Promise<Map<string, BwError>> {
  const errors = new Map<string, BwError>();
  for (const item of items) assertObjectName(item.object);
  throwIfAborted(options.signal, items[0]?.object ?? '');
  const sizes = await sizesOf(place, items, options);
  const coming: Coming[] = [];
  for (const item of items) {
    const fault = (await inTheWay(item)) ?? faultOf(item, sizes.get(item.object) ?? null);
    if (fault === null) coming.push({ item, part: await partOf(place, item) });
    else errors.set(item.file, fault);
  }
  try {
    const failure = await move(place, coming, options);
    for (const each of coming) {
      const error = await settle(each, failure, options).then(() => null, toBwError);
      if (error?.code === 'TRANSFER_ABORTED') throw error;
      if (error !== null) errors.set(each.item.file, error);
    }
  } finally {
    for (const { part } of coming) await rm(part, { force: true });
  }
  return errors;
}

/** By a transfer back to a scratch file, hashed here. */
export async function verifyBack(place: Place, item: TransferItem, options: TransferOptions): Promise<Verdict> {
  await prepareScratch(place);
  const file = join(place.scratchDir, randomUUID());
  try {
    const error = (await bringBack(place, [{ ...item, file }], { ...(options.signal === undefined ? {} : { signal: options.signal }) })).get(file);
    if (error === undefined) return 'match';
    if (error.code === 'RESTORE_OBJECT_MISSING') return 'missing';
    if (error.code === 'RESTORE_OBJECT_CORRUPT') return 'mismatch';
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

async function sizesOf({ tasks, collection, dir }: Place, items: readonly TransferItem[], { signal }: TransferOptions): Promise<Map<string, number>> {
  const { client } = tasks.during(signal);
  const sizes = new Map<string, number>();
  for (const [parent, objects] of byDirectory(items.map(({ object }) => object))) {
    if (objects.length <= FEW) {
      for (const object of objects) {
        const found = await client.stat(collection, joinPath(dir, object));
        if (found?.type === 'file') sizes.set(object, found.bytes);
      }
    } else {
      const entries = (await client.list(collection, joinPath(dir, parent))) ?? [];
      for (const { name, type, size } of entries) if (type === 'file') sizes.set(parent === '' ? name : `${parent}/${name}`, size ?? 0);
    }
  }
  return sizes;
}

function faultOf(item: TransferItem, bytes: number | null): BwError | null {
  if (bytes === null) return objectMissing(item.object);
  return bytes === item.bytes ? null : objectCorrupt(item, `${bytes} bytes`);
}

async function inTheWay({ file }: TransferItem): Promise<BwError | null> {
  const there = await access(file).then(() => true, () => false); // what else may be wrong with it, the transfer meets
  return there ? sourceError(Object.assign(new Error(`EEXIST: ${file} exists`), { code: 'EEXIST' }), file) : null;
}

/** Returns what the service failed with: parts of it may have come all the same. Throws TRANSFER_ABORTED. */
async function move(place: Place, coming: readonly Coming[], options: TransferOptions): Promise<BwError | null> {
  const { tasks, collection, dir, sources, host, lts } = place;
  const routes = new Map<string, Move[]>();
  for (const { item, part } of coming) {
    const to = mapFile(sources, host, part, lts);
    const moves = routes.get(to.collection) ?? [];
    routes.set(to.collection, moves);
    moves.push({ from: joinPath(dir, item.object), to: to.path });
  }
  let failure: BwError | null = null;
  for (const [destination, moves] of routes) {
    const error = await tasks.transfer('fetch', { source: collection, destination }, moves, { signal: options.signal }).then(() => null, toBwError);
    if (error?.code === 'TRANSFER_ABORTED') throw error;
    failure ??= error;
  }
  return failure;
}

async function settle({ item, part }: Coming, failure: BwError | null, options: TransferOptions): Promise<void> {
  const handle = await open(part, 'r').catch((thrown: unknown) => { throw failure ?? sourceError(thrown, part); });
  try {
    const found = await hashContent(handle.fd, item.bytes, { signal: options.signal, subject: item.object });
    const isRight = found.bytes === item.bytes && (item.sha512 === NO_HASH || found.sha512 === item.sha512);
    if (!isRight) throw failure ?? objectCorrupt(item, showContent(found));
  } finally {
    await handle.close();
  }
  options.onProgress?.({ bytes: item.bytes, object: item.object });
  throwIfAborted(options.signal, item.object);
  await put(part, item.file).catch((thrown: unknown) => { throw sourceError(thrown, item.file); });
}

/** Beside the file, or where a collection shows it. */
async function partOf(place: Place, { file }: TransferItem): Promise<string> {
  const name = `${PART_MARK}${randomUUID()}`;
  if (isMapped(place.sources, place.host, file)) return `${file}${name}`;
  await prepareScratch(place);
  return join(place.scratchDir, name);
}

async function put(part: string, file: string): Promise<void> {
  await rename(part, file).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'EXDEV') throw thrown;
    return copyFile(part, file, constants.COPYFILE_EXCL);
  });
}
