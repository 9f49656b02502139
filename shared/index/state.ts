import type { BytePath } from '../paths/byte-path.js';
import { Cursor } from './cursor.js';
import { indexLines } from './find-in-index.js';
import { keyLength, keyOfPath, parseRecord, pathOfLine } from './format.js';
import { compileGlob } from './glob.js';
import { isAtOrBelow } from './paths-below.js';
import type { IndexRecord } from './record.js';
import { isTombstone } from './tombstone.js';

/** The index of one backup of a chain. */
export interface StateLayer {
  /** zstd-compressed. */
  readonly file: string;
  readonly backupId: string;
}

/** A line of the merged state, and the number of the layer it comes from. */
export interface StateEntry {
  readonly line: string;
  readonly layer: number;
}

/** A record of a state, with the backup whose archive holds it ('' as archive: none does). */
export interface StateRecord extends IndexRecord {
  /** The backup whose index has this record. */
  readonly seenIn: string;
  /** The backup that has `archive`; differs from seenIn where a record was carried over. */
  readonly heldBy: string;
}

const BATCH = 2000;

/**
 * The state of a chain in index order: of each path the record of the latest layer that speaks of it, unless that says it is gone. Streams; memory
 * does not grow with the state. `layers`: the full first. Throws INDEX_DAMAGED.
 */
export async function* readState(layers: readonly StateLayer[]): AsyncGenerator<StateEntry[], void> {
  const cursors = await openAll(layers);
  const [base, ...differences] = cursors;
  if (base === undefined) throw new RangeError('a state has at least one layer');
  try {
    yield* merge(base, new Differences(differences));
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

/** The records of a state, in order, in batches. Throws INDEX_DAMAGED. */
export async function* readStateRecords(layers: readonly StateLayer[]): AsyncGenerator<StateRecord[], void> {
  for await (const entries of readState(layers)) yield entries.map((entry) => stateRecord(layers, entry));
}

/** Those whose name (pattern without `/`) or path matches a glob pattern; null: all. Throws INDEX_DAMAGED. */
export function listState(layers: readonly StateLayer[], pattern: string | null): AsyncGenerator<StateRecord[], void> {
  return pattern === null ? readStateRecords(layers) : matching(layers, compileGlob(pattern));
}

/** Those at the given paths (relative to the basepath) and below them. Throws INDEX_DAMAGED, but not of what lies behind the last of them. */
export async function* findInState(layers: readonly StateLayer[], paths: readonly BytePath[]): AsyncGenerator<StateRecord[], void> {
  for await (const entries of findEntries(layers, paths)) yield entries.map((entry) => stateRecord(layers, entry));
}

/** The same, not taken apart. */
export async function* findEntries(layers: readonly StateLayer[], paths: readonly BytePath[]): AsyncGenerator<StateEntry[], void> {
  const matches = isAtOrBelow(paths);
  const { first, last } = keyRange(paths);
  for await (const entries of readState(layers)) {
    const end = entries.at(-1)?.line ?? '';
    if (end < first) continue; // comparing is cheap, taking a million paths out of their lines is not
    const found = entries.filter(({ line }) => line >= first && matches(pathOfLine(line)));
    if (found.length > 0) yield found;
    if (end > last) return;
  }
}

/**
 * Between these lie the lines of the paths and all below them, and others (pure). A path has its line in its parent's directory when it is no directory, else in
 * its own: which of the two comes first depends on whether its name begins with what sorts before `/` (`.ssh`).
 */
export function keyRange(paths: readonly BytePath[]): { readonly first: string; readonly last: string } {
  if (paths.some((path) => path === '.')) return { first: '', last: '\u{ffff}' };
  const beginnings = paths.flatMap((path) => [keyOfPath(path, 'f'), `./${path}/`]);
  const ends = beginnings.map((beginning) => `${beginning}\u{ffff}`);
  return { first: beginnings.sort()[0] ?? '', last: ends.sort().at(-1) ?? '' };
}

/** Throws INDEX_DAMAGED unless the line is a record. */
export function stateRecord(layers: readonly StateLayer[], { line, layer }: StateEntry): StateRecord {
  const record = parseRecord(line);
  const seenIn = layers[layer]?.backupId ?? '';
  const at = record.archive.indexOf('@');
  if (at === -1) return { ...record, seenIn, heldBy: seenIn };
  return { ...record, archive: record.archive.slice(0, at), seenIn, heldBy: record.archive.slice(at + 1) };
}

async function* matching(layers: readonly StateLayer[], matches: (path: BytePath) => boolean): AsyncGenerator<StateRecord[], void> {
  for await (const entries of readState(layers)) {
    const found = entries.filter(({ line }) => matches(pathOfLine(line))).map((entry) => stateRecord(layers, entry));
    if (found.length > 0) yield found;
  }
}

async function openAll(layers: readonly StateLayer[]): Promise<Cursor<string>[]> {
  const opened = await Promise.allSettled(layers.map(({ file }) => Cursor.open(indexLines(file))));
  const failed = opened.find((result) => result.status === 'rejected');
  const cursors = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (failed === undefined) return cursors;
  for (const cursor of cursors) await cursor.close();
  throw failed.reason;
}

async function* merge(base: Cursor<string>, differences: Differences): AsyncGenerator<StateEntry[], void> {
  let batch: StateEntry[] = [];
  for (;;) {
    const line = base.current;
    const { key } = differences;
    if (line === undefined && key === undefined) break;
    if (line !== undefined && (key === undefined || (line < key && !line.startsWith(key)))) {
      batch.push({ line, layer: 0 });
      const moved = base.advance();
      if (moved !== undefined) await moved;
    } else {
      if (line !== undefined && key !== undefined && line.startsWith(key)) await base.advance();
      const entry = await differences.take();
      if (entry !== null) batch.push(entry);
    }
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The differences of a chain as one stream: few lines, compared with each other only when one of them moves. */
class Differences {
  /** The smallest key that a difference speaks of next; undefined at the end. */
  key: string | undefined;
  readonly #cursors: readonly Cursor<string>[];

  constructor(cursors: readonly Cursor<string>[]) {
    this.#cursors = cursors;
    this.#findKey();
  }

  /** What the latest difference says of `key`, null when it is gone; then moves on. */
  async take(): Promise<StateEntry | null> {
    const { key = '' } = this;
    let latest: StateEntry | null = null;
    for (const [i, cursor] of this.#cursors.entries()) {
      const line = cursor.current;
      if (line?.startsWith(key) !== true) continue;
      latest = { line, layer: i + 1 };
      await cursor.advance();
    }
    this.#findKey();
    return latest === null || isTombstone(latest.line, key.length) ? null : latest;
  }

  #findKey(): void {
    let least: string | undefined;
    for (const { current } of this.#cursors) if (current !== undefined && (least === undefined || current < least)) least = current;
    this.key = least?.slice(0, keyLength(least));
  }
}
