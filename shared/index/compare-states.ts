import { join } from 'node:path';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import { mayBeAwkward } from './awkward.js';
import { ChangedLinks } from './changed-links.js';
import { Cursor } from './cursor.js';
import { excludedBy } from './excluded.js';
import { keyLength, parseRecords, pathOfLine } from './format.js';
import { archiveOf, fieldsOf, flagsAt, flagsOf, type LineFields } from './line-fields.js';
import { LineWriter } from './line-file.js';
import { LineSorter } from './line-sorter.js';
import { NeededParents } from './needed-parents.js';
import { isAtOrBelow } from './paths-below.js';
import type { IndexRecord } from './record.js';
import { readState, type StateEntry, type StateLayer } from './state.js';
import { Tally } from './tally.js';
import { tombstoneLine } from './tombstone.js';
import { TopPaths } from './top-paths.js';

/** A layer of the parent's state, and when what it says was captured. */
export interface ComparedLayer extends StateLayer {
  /** ms since the epoch. */
  readonly capturedAtMs: number;
}

export interface CompareOptions {
  /** The chain of the parent, the full first. */
  readonly layers: readonly ComparedLayer[];
  /** What a scan found: its lines, in order, and the directories whose content is not completely known. */
  readonly lines: AsyncIterable<string[]>;
  readonly unlisted: ReadonlySet<BytePath>;
  /** Patterns the scan was made with. */
  readonly exclude: readonly string[];
  /** A record whose times lie less than this before its capture counts as changed: timestamps come late. */
  readonly racyWindowMs: number;
  /** Of ours, for `kept`, `old` and work files. */
  readonly workDir: string;
  readonly signal?: AbortSignal;
}

export interface StateDifference {
  /** What is to be saved, in index order, the root always among them. To be read once. */
  readonly changed: AsyncIterable<IndexRecord[]>;
  /** Whether the metadata of the basepath directory itself is to be saved. */
  readonly rootChanged: boolean;
  /** What is gone and was held by the chain: only the top of what is gone together. To be read once. */
  readonly removed: AsyncIterable<BytePath[]>;
  /** Complete, sorted files for the index of the backup: what it says of paths it does not save · what the chain holds of those it wants to save, flagged. */
  readonly keptFile: string;
  readonly oldFile: string;
  readonly counts: {
    /** The whole state. */
    readonly records: number;
    readonly directories: number;
    readonly sourceBytes: string;
    /** To be saved, links and directories above changed paths included, the root not. */
    readonly changed: number;
    readonly removed: number;
    /** Of changed: those that the chain holds in another state. */
    readonly existing: number;
    /** Of the parent's state. */
    readonly before: number;
  };
}

/**
 * Compares what is there with the state of the parent (DESIGN.md section 3). Changed is what is new or differs in type, size, mtime or ctime in
 * nanoseconds, or inode; what is flagged or racy; every name of a changed inode; and the directories above all of these. What changes its
 * type is removed, and saved as new. Below a directory that could not be listed nothing is removed, nor what the patterns exclude.
 * Streams, memory does not grow with the trees. Throws INDEX_DAMAGED, SORT_FAILED, OUTPUT_NOT_CREATED.
 */
export async function compareStates(options: CompareOptions): Promise<StateDifference> {
  const comparison = await StateComparison.create(options);
  try {
    return await comparison.run();
  } catch (thrown) {
    await comparison.abandon();
    throw thrown;
  }
}

const ROOT_KEY = './/./';
/** Flags that leave nothing to do the next time: dar will not keep a time before 1970 then either. */
const SETTLED_FLAGS = /^t?$/;

class StateComparison {
  readonly #changed: LineSorter;
  readonly #links: ChangedLinks;
  readonly #tops: TopPaths;
  readonly #total = new Tally();
  readonly #isUnlisted: (path: BytePath) => boolean;
  readonly #isExcluded: (path: BytePath) => boolean;
  /** Per layer: times from here on are racy, seconds since the epoch. */
  readonly #racyFrom: readonly number[];
  #removed = 0;
  #before = 0;
  #rootChanged = false;
  #lastKey = '';

  private constructor(
    readonly options: CompareOptions,
    readonly parents: NeededParents,
    readonly kept: LineWriter,
    readonly old: LineWriter,
  ) {
    const sorting = { tempDir: options.workDir, ...(options.signal === undefined ? {} : { signal: options.signal }) };
    this.#changed = new LineSorter(sorting);
    this.#links = new ChangedLinks(sorting);
    this.#tops = new TopPaths(sorting);
    this.#isUnlisted = options.unlisted.size === 0 ? () => false : isAtOrBelow(options.unlisted);
    this.#isExcluded = excludedBy(options.exclude);
    this.#racyFrom = options.layers.map(({ capturedAtMs }) => (capturedAtMs - options.racyWindowMs) / 1000);
  }

  static async create(options: CompareOptions): Promise<StateComparison> {
    const sorting = { tempDir: options.workDir, ...(options.signal === undefined ? {} : { signal: options.signal }) };
    const parents = await NeededParents.create(join(options.workDir, 'unchanged.directories'), sorting);
    return new StateComparison(options, parents, await LineWriter.create(join(options.workDir, 'kept.settled')), await LineWriter.create(join(options.workDir, 'old.settled')));
  }

  async run(): Promise<StateDifference> {
    await this.#join();
    for await (const lines of this.#links.partners(this.#total.bytes)) await this.#alsoSave(lines, true);
    for await (const lines of this.parents.found()) await this.#alsoSave(lines, false);
    await this.parents.close();
    await this.kept.end();
    await this.old.end();
    const { records, directories, bytes } = this.#total;
    return {
      changed: parseRecords(this.#changed.sorted()),
      rootChanged: this.#rootChanged,
      removed: this.#tops.tops(),
      keptFile: this.kept.file,
      oldFile: this.old.file,
      counts: { records, directories, sourceBytes: bytes.total.toString(), changed: this.#changed.lines - 1, removed: this.#removed, existing: this.old.lines, before: this.#before },
    };
  }

  async abandon(): Promise<void> {
    this.#changed.abandon();
    this.#links.abandon();
    this.#tops.abandon();
    await this.parents.close();
    await this.kept.close();
    await this.old.close();
  }

  /** Both in index order, side by side. */
  async #join(): Promise<void> {
    const now = await Cursor.open(this.options.lines);
    const before = await Cursor.open(readState(this.options.layers));
    try {
      for (let steps = 1; now.current !== undefined || before.current !== undefined; steps++) {
        const moved = this.#step(now, before);
        if (moved !== undefined) await moved;
        if (steps % DRAIN_EVERY === 0) await this.#drain();
      }
    } finally {
      await before.close();
    }
    await this.#drain();
  }

  #step(now: Cursor<string>, before: Cursor<StateEntry>): Promise<unknown> | undefined {
    const line = now.current;
    const was = before.current;
    if (line === undefined) {
      this.#gone(was as StateEntry);
      return before.advance();
    }
    const key = line.slice(0, keyLength(line));
    if (was?.line.startsWith(key) === true) {
      this.#both(key, line, was);
      return both(now.advance(), before.advance());
    }
    if (was !== undefined && was.line < line) {
      this.#gone(was);
      return before.advance();
    }
    this.#found(key, line, null);
    return now.advance();
  }

  #both(key: string, line: string, was: StateEntry): void {
    this.#before += 1;
    this.#found(key, line, was);
  }

  /** A path that is there; `was`: what the parent's state says of it. */
  #found(key: string, line: string, was: StateEntry | null): void {
    if (key === this.#lastKey) return; // a directory that changes while it is read can yield a name twice
    this.#lastKey = key;
    const fields = fieldsOf(line, key.length);
    const linked = fields.nlink > 1 && fields.type !== 'd';
    this.#count(fields, linked);
    const changed = was === null || this.#isChanged(key, line, fields, was);
    if (key === ROOT_KEY) {
      this.#rootChanged = changed;
      this.#changed.add(line);
      return;
    }
    if (linked) this.#links.add(fields.inode, line, changed);
    if (!changed) {
      if (fields.type === 'd') this.parents.addUnchanged(line);
      return;
    }
    this.#save(line);
    if (was === null) return;
    // Not over what it was: dar gives a new file the attributes of the one it replaces, which a link cannot have.
    if (was.line.charAt(key.length) === fields.type) this.#carry(this.old, was, 'x');
    else this.#remove(was, pathOfLine(was.line));
  }

  #count(fields: LineFields, linked: boolean): void {
    this.#total.records += 1;
    if (fields.type === 'd') this.#total.directories += 1;
    else if (fields.type === 'f' && !linked) this.#total.bytes.add(fields.size);
  }

  #isChanged(key: string, line: string, fields: LineFields, was: StateEntry): boolean {
    if (!SETTLED_FLAGS.test(flagsOf(was.line)) || !line.endsWith(' - -')) return true;
    const from = this.#racyFrom[was.layer] ?? 0;
    if (Number(fields.mtime) >= from || Number(fields.ctime) >= from) return true;
    if (was.line.startsWith(line.slice(0, -3))) return false; // to the letter, the device too
    const before = fieldsOf(was.line, key.length);
    const same = before.type === fields.type && before.mtime === fields.mtime && before.ctime === fields.ctime && before.inode === fields.inode;
    return !same || (fields.type !== 'd' && before.size !== fields.size);
  }

  #gone(was: StateEntry): void {
    this.#before += 1;
    const path = pathOfLine(was.line);
    const flags = flagsOf(was.line);
    if (this.#isUnlisted(path)) {
      if (!flags.includes('x')) this.#carry(this.kept, was, 'x');
    } else if (this.#isExcluded(path)) {
      if (!flags.includes('e')) this.#carry(this.kept, was, 'e');
    } else this.#remove(was, path);
  }

  #remove(was: StateEntry, path: BytePath): void {
    this.#removed += 1;
    this.kept.add(tombstoneLine(was.line.slice(0, keyLength(was.line))));
    if (archiveOf(was.line) === '-') return; // no archive holds it, none has to take it away
    this.#tops.add(path);
    const cut = path.lastIndexOf('/');
    if (cut === -1) return;
    this.parents.need(`./${path.slice(0, cut)}`);
    this.#links.touch(bytePath.of(path.slice(0, cut)));
  }

  #save(line: string): void {
    this.#changed.add(line);
    this.parents.need(parentDirectory(line));
    if (mayBeAwkward(line)) this.#links.touch(pathOfLine(line));
  }

  async #alsoSave(lines: readonly string[], parentsToo: boolean): Promise<void> {
    for (const line of lines) {
      if (parentsToo) this.#save(line);
      else this.#changed.add(line);
    }
    await this.#drain();
  }

  /** The record as the chain holds it, flagged; what no archive holds has none. */
  #carry(to: LineWriter, { line, layer }: StateEntry, flag: 'x' | 'e'): void {
    const archive = archiveOf(line);
    if (archive === '-') return;
    const kept = flagsOf(line).replace(flag, '');
    const holder = archive.includes('@') ? '' : `@${this.options.layers[layer]?.backupId ?? ''}`;
    to.add(`${line.slice(0, flagsAt(line))}${flag}${kept} ${archive}${holder}`);
  }

  async #drain(): Promise<void> {
    await this.#changed.drain();
    await this.#links.drain();
    await this.#tops.drain();
    await this.parents.drain();
    await this.kept.drain();
    await this.old.drain();
  }
}

const DRAIN_EVERY = 2000;

/** `./a` of `./a//name/...` and of the directory `./a/b//./...`. */
function parentDirectory(line: string): string {
  const cut = line.indexOf('//');
  const dirname = line.slice(0, cut);
  return line.startsWith('//./', cut) ? dirname.slice(0, Math.max(1, dirname.lastIndexOf('/'))) : dirname;
}

function both(a: Promise<unknown> | undefined, b: Promise<unknown> | undefined): Promise<unknown> | undefined {
  return a === undefined && b === undefined ? undefined : Promise.all([a, b]);
}
