import { randomUUID } from 'node:crypto';
import type { StoredObject } from '../backend.js';
import { assertObjectName, isPartName, PART_MARK } from '../object-name.js';
import { BwError } from '../../errors/bw-error.js';
import type { FileEntry } from './answers.js';
import { joinPath } from './path-map.js';
import type { Place } from './place.js';

interface Found {
  readonly object: string;
  readonly entry: FileEntry;
}

/** Files below a directory of the LTS, finished or not, one listing per directory. Throws LTS_MISSING when the LTS itself is not there. */
export async function* walk(place: Place, prefix: string): AsyncGenerator<Found> {
  if (prefix !== '') assertObjectName(prefix);
  const entries = await place.tasks.client.list(place.collection, joinPath(place.dir, prefix));
  if (entries === null) {
    await assertThere(place);
    return;
  }
  for (const entry of entries) {
    const object = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.type === 'file') yield { object, entry };
    else if (entry.type === 'dir' && !isPartName(entry.name)) yield* walk(place, object);
  }
}

export async function* listObjects(place: Place, prefix: string): AsyncGenerator<StoredObject> {
  for await (const { object, entry } of walk(place, prefix)) if (!isPartName(entry.name)) yield { object, bytes: entry.size ?? 0 };
}

export async function statObject(place: Place, object: string): Promise<StoredObject | null> {
  assertObjectName(object);
  const found = await place.tasks.client.stat(place.collection, joinPath(place.dir, object));
  if (found === null) await assertThere(place);
  return found?.type === 'file' ? { object, bytes: found.bytes } : null;
}

/** Directories stay: deleting one means deleting what is in it, and something may just have been put there. */
export async function removeObjects({ tasks, collection, dir }: Place, objects: readonly string[]): Promise<void> {
  for (const object of objects) assertObjectName(object);
  await tasks.remove(collection, objects.map((object) => joinPath(dir, object)));
}

/** What dead transfers left. A file whose age the collection does not tell is young. */
export async function sweepParts(place: Place, olderThanMs: number, prefix: string): Promise<number> {
  const old: string[] = [];
  for await (const { object, entry } of walk(place, prefix)) {
    const changed = Date.parse((entry.last_modified ?? '').replace(' ', 'T'));
    if (isPartName(entry.name) && changed < place.tasks.options.now() - olderThanMs) old.push(joinPath(place.dir, object));
  }
  await place.tasks.remove(place.collection, old);
  return old.length;
}

/** Credentials, the collection, its directory, and that we may write there. Throws LTS_MISSING, GLOBUS_NO_RENAME, TRANSFER_DENIED and the like. */
export async function probe(place: Place): Promise<void> {
  const { tasks, collection, dir, lts } = place;
  const { canRename } = await assertThere(place);
  if (!canRename) {
    throw new BwError('GLOBUS_NO_RENAME', {
      message: 'this collection cannot rename files, so objects would have their names before they are complete',
      retry: 'operator',
      subject: collection,
      hint: 'Use a collection on a POSIX or tape filesystem; for object storage use the rclone backend.',
      lts,
    });
  }
  const path = joinPath(dir, `probe${PART_MARK}${randomUUID()}`);
  await tasks.client.makeDirectory(collection, path);
  await tasks.remove(collection, [path], true);
}

async function assertThere({ tasks, collection, dir, lts }: Place): Promise<{ canRename: boolean }> {
  const there = await tasks.client.look(collection, dir);
  if (there !== null) return there;
  throw new BwError('LTS_MISSING', {
    message: 'the directory of the long-term storage is not there',
    retry: 'operator',
    subject: `${collection}:${dir}`,
    hint: 'Create lts[].dir in the collection, or correct it; bw-bkup never does, lest it writes somewhere else.',
    lts,
  });
}
