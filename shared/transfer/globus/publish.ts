import { mapLimited } from '../../catalog/map-limited.js';
import type { FileEntry } from './answers.js';
import { joinPath } from './path-map.js';
import type { Tasks } from './tasks.js';

export interface PublishRequest {
  readonly tasks: Tasks;
  readonly collection: string;
  /** Directory of the LTS in the collection. */
  readonly dir: string;
  readonly objects: readonly string[];
  /** Between an object's name and the end of that of its part. */
  readonly suffix: string;
  /** Sizes, where known. */
  readonly bytesOf: ReadonlyMap<string, number> | null;
  /** Milliseconds since the epoch at which it ends for now. */
  readonly until: number;
}

export interface Published {
  /** Under their names, with their sizes. */
  readonly done: Map<string, number>;
  /** Another object has the name. */
  readonly taken: string[];
  /** What is there is not what was sent. */
  readonly wrong: Map<string, string>;
  /** The time was up: there is more to do. */
  isUnfinished: boolean;
}

/** A part whose name another object has keeps that on record, for whoever asks again; sweepParts takes it. */
const TAKEN = '-taken';
/** Renames under way together: a user has 20 calls per second. */
const AT_ONCE = 4;
/** A rename that fails is looked into: another process may have done it. */
const ROUNDS = 3;

/**
 * Gives parts that an ended task has brought their names. What has its name already (of a publishing that was cut off, or another putter) is compared by the service
 * itself, checksum against checksum: the same content is success. Throws BwError of the service.
 */
export async function publish(request: PublishRequest): Promise<Published> {
  const published: Published = { done: new Map(), taken: [], wrong: new Map(), isUnfinished: false };
  let left = request.objects;
  for (let round = 0; left.length > 0; round += 1) {
    const { toRename, toCompare } = await sortOut(request, left, published);
    await compare(request, toCompare, published);
    left = await renameAll(request, toRename, published);
    if (published.isUnfinished) break;
    if (round === ROUNDS) {
      for (const object of left) published.wrong.set(object, 'the collection does not rename it');
      break;
    }
  }
  return published;
}

interface Found {
  readonly object: string;
  readonly bytes: number;
}

async function sortOut(request: PublishRequest, objects: readonly string[], published: Published): Promise<{ toRename: Found[]; toCompare: Found[] }> {
  const [toRename, toCompare]: [Found[], Found[]] = [[], []];
  for (const [parent, inIt] of byDirectory(objects)) {
    const entries = (await request.tasks.client.list(request.collection, joinPath(request.dir, parent))) ?? [];
    const sizes = new Map(entries.filter(isFile).map(({ name, size }) => [name, size ?? 0]));
    for (const object of inIt) {
      const name = object.slice(object.lastIndexOf('/') + 1);
      const [part, final] = [sizes.get(`${name}${request.suffix}`), sizes.get(name)];
      const bytes = request.bytesOf?.get(object) ?? part ?? final;
      if (sizes.has(`${name}${request.suffix}${TAKEN}`)) published.taken.push(object);
      else if (bytes === undefined || (part === undefined && final === undefined)) published.wrong.set(object, 'it is not there');
      else if (part !== undefined && part !== bytes) published.wrong.set(object, `${part} bytes are there, ${bytes} were sent`);
      else if (final === undefined) toRename.push({ object, bytes });
      else if (final !== bytes) published.taken.push(object);
      else if (part === undefined) published.done.set(object, bytes);
      else toCompare.push({ object, bytes });
    }
  }
  return { toRename, toCompare };
}

/** From the name that is there to our part: if they differ, only the part is overwritten. */
async function compare({ tasks, collection, dir, suffix }: PublishRequest, found: readonly Found[], published: Published): Promise<void> {
  if (found.length === 0) return;
  const moves = found.map(({ object }) => ({ from: joinPath(dir, object), to: joinPath(dir, `${object}${suffix}`) }));
  const different = await tasks.transfer('compare', { source: collection, destination: collection }, moves, { onlyDifferent: true });
  for (const { object, bytes } of found) {
    const part = joinPath(dir, `${object}${suffix}`);
    if (!different.has(part)) published.done.set(object, bytes);
    else {
      await tasks.client.rename(collection, part, `${part}${TAKEN}`);
      published.taken.push(object);
    }
  }
  await tasks.cleanUp(collection, moves.map(({ to }) => to).filter((part) => !different.has(part)));
}

/** Returns those that could not be renamed. */
async function renameAll({ tasks, collection, dir, suffix, until }: PublishRequest, found: readonly Found[], published: Published): Promise<string[]> {
  const failed = await mapLimited(found, AT_ONCE, async ({ object, bytes }) => {
    if (tasks.options.now() >= until) {
      published.isUnfinished = true;
      return [];
    }
    const path = joinPath(dir, object);
    if (!(await tasks.client.rename(collection, `${path}${suffix}`, path))) return [object];
    published.done.set(object, bytes);
    return [];
  });
  return failed.flat();
}

function isFile({ type }: FileEntry): boolean {
  return type === 'file';
}

/** Objects by their directories, which are listed in one call each (pure). */
export function byDirectory(objects: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const object of objects) {
    const parent = object.slice(0, Math.max(0, object.lastIndexOf('/')));
    const known = found.get(parent);
    if (known === undefined) found.set(parent, [object]);
    else known.push(object);
  }
  return found;
}
