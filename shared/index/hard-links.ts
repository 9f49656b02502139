import { awkwardUnit } from './awkward.js';
import { parseRecord, pathOfLine } from './format.js';
import { LineSorter, type SorterOptions } from './line-sorter.js';
import type { FileType, IndexRecord } from './record.js';
import { Tally } from './tally.js';

/** All names of one inode that a list can carry. */
export interface LinkSet {
  /** The first name's number in the index. */
  readonly position: number;
  readonly names: number;
  readonly type: FileType;
  /** Bytes, decimal. */
  readonly size: string;
}

/** Where held-back lines go. A returned promise must be awaited before the next call. */
export interface LinkPlaces {
  /** Into an ordinary shard; sets come in the order of their first names. `first`: the one that counts the content. */
  plain(set: LinkSet, line: string, first: boolean): Promise<void> | undefined;
  /** With the names dar must be given by `-g`. */
  awkward(unit: string, line: string, first: boolean): Promise<void> | undefined;
  /** Units that share an inode must be saved by the same dar; told again and again. */
  linked(unit: string): void;
}

export interface LinkFacts {
  /** Inodes with more than one name in the index. */
  readonly sets: number;
  /** Content of all hard-linked files, each counted once. */
  readonly tally: Tally;
}

/**
 * Holds back every name of a file that has several, so that all of them go to one shard, or, when one of them cannot be listed, to the shard of that one.
 * Sorted by inode, then sets by their first names, outside of this process: memory stays bounded however many sets there are and names in one.
 */
export class HardLinks {
  readonly #byInode: LineSorter;
  readonly #byPosition: LineSorter;

  constructor(options: SorterOptions) {
    this.#byInode = new LineSorter(options);
    this.#byPosition = new LineSorter(options);
  }

  /** `position`: the record's number in the index. */
  add(record: IndexRecord, line: string, unit: string | null, position: number): void {
    // Awkward names sort first within an inode, then by position.
    this.#byInode.add(`${record.inode} ${unit === null ? 'P' : 'A'}${padded(position)} ${line}`);
  }

  async drain(): Promise<void> {
    await this.#byInode.drain();
  }

  abandon(): void {
    this.#byInode.abandon();
    this.#byPosition.abandon();
  }

  async resolve(places: LinkPlaces): Promise<LinkFacts> {
    const tally = new Tally();
    let set: OpenSet | null = null;
    let sets = 0;
    for await (const batch of this.#byInode.sorted()) {
      for (const held of batch) {
        const name = parseHeld(held);
        if (set === null || set.inode !== name.inode) {
          this.#close(set);
          set = beginSet(name);
          tally.add(parseRecord(name.line));
        }
        set.names += 1;
        if (set.names === 2) sets += 1;
        const placed = this.#name(set, name, places);
        if (placed !== undefined) await placed;
      }
      await this.#byPosition.drain();
    }
    this.#close(set);
    await this.#placePlain(places);
    return { sets, tally };
  }

  #name(set: OpenSet, name: Held, places: LinkPlaces): Promise<void> | undefined {
    const to = name.unit ?? set.unit;
    if (to === null) {
      this.#byPosition.add(`${padded(set.position)}${padded(name.position)}${name.line}`);
      return undefined;
    }
    if (name.unit !== null && set.unit !== null && set.unit !== name.unit) for (const unit of [set.unit, name.unit]) places.linked(unit);
    return places.awkward(to, name.line, set.names === 1);
  }

  /** Its number of names comes before them: 0 is no name's position. */
  #close(set: OpenSet | null): void {
    if (set?.unit === null) this.#byPosition.add(`${padded(set.position)}${padded(0)}${set.names}`);
  }

  async #placePlain(places: LinkPlaces): Promise<void> {
    let [position, names] = [0, 0];
    let set: LinkSet | null = null;
    for await (const batch of this.#byPosition.sorted()) {
      for (const text of batch) {
        const line = text.slice(2 * DIGITS);
        if (Number(text.slice(DIGITS, 2 * DIGITS)) === 0) {
          [position, names, set] = [Number(text.slice(0, DIGITS)), Number(line), null];
          continue;
        }
        const first: boolean = set === null;
        set ??= { position, names, ...pick(parseRecord(line)) };
        const placed = places.plain(set, line, first);
        if (placed !== undefined) await placed;
      }
    }
  }
}

interface OpenSet {
  readonly inode: string;
  names: number;
  /** Of the first name, if it is awkward. */
  readonly unit: string | null;
  readonly position: number;
}

interface Held {
  readonly inode: string;
  readonly unit: string | null;
  readonly position: number;
  readonly line: string;
}

function beginSet({ inode, unit, position }: Held): OpenSet {
  return { inode, names: 0, unit, position };
}

const DIGITS = 15;

function padded(position: number): string {
  return String(position).padStart(DIGITS, '0');
}

function pick({ type, size }: IndexRecord): Pick<LinkSet, 'type' | 'size'> {
  return { type, size };
}

function parseHeld(held: string): Held {
  const blank = held.indexOf(' ');
  const line = held.slice(blank + 3 + DIGITS);
  const unit = held.charAt(blank + 1) === 'A' ? awkwardUnit(pathOfLine(line)) : null;
  return { inode: held.slice(0, blank), unit, position: Number(held.slice(blank + 2, blank + 2 + DIGITS)), line };
}
