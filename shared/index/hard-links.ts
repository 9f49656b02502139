import { awkwardUnit } from './awkward.js';
import { parseRecord, pathOfLine } from './format.js';
import { LineSorter, type SorterOptions } from './line-sorter.js';
import type { IndexRecord } from './record.js';
import { Tally } from './tally.js';

/** Where a held-back line goes: into the part of an ordinary shard, or with the names dar must be given by `-g`. */
export type Destination = { readonly part: number } | { readonly unit: string };

export interface LinkFacts {
  /** Inodes with more than one name in the index. */
  readonly sets: number;
  /** Content of all hard-linked files, each counted once. */
  readonly tally: Tally;
  /** Awkward units that share an inode with another one: they must be saved by the same dar. */
  readonly linkedUnits: ReadonlySet<string>;
}

/**
 * Holds back every name of a file that has several, so that all of them go to one shard: that of the first name, or, when
 * one of them cannot be listed, the shard of that one. Sorted by inode outside of this process: memory stays bounded.
 */
export class HardLinks {
  readonly #byInode: LineSorter;

  constructor(options: SorterOptions) {
    this.#byInode = new LineSorter(options);
  }

  /** `position`: the record's number in the index. */
  add(record: IndexRecord, line: string, unit: string | null, position: number): void {
    // Awkward names sort first within an inode, then by position.
    this.#byInode.add(`${record.inode} ${unit === null ? 'P' : 'A'}${String(position).padStart(15, '0')} ${line}`);
  }

  async drain(): Promise<void> {
    await this.#byInode.drain();
  }

  abandon(): void {
    this.#byInode.abandon();
  }

  /** Calls `place` for every name; `first` for the one that counts the content. */
  async resolve(
    partAt: (position: number) => number,
    place: (to: Destination, line: string, first: boolean) => Promise<void> | undefined,
  ): Promise<LinkFacts> {
    const linkedUnits = new Set<string>();
    const tally = new Tally();
    let set = { inode: '', names: 0, to: { part: 0 } as Destination };
    let sets = 0;
    for await (const batch of this.#byInode.sorted()) {
      for (const held of batch) {
        const name = parseHeld(held);
        const first = name.inode !== set.inode;
        if (first) set = { inode: name.inode, names: 0, to: name.unit === null ? { part: partAt(name.position) } : { unit: name.unit } };
        set.names += 1;
        if (set.names === 2) sets += 1;
        if (name.unit !== null && 'unit' in set.to && set.to.unit !== name.unit) linkedUnits.add(name.unit).add(set.to.unit);
        if (first) tally.add(parseRecord(name.line));
        const to = name.unit === null ? set.to : { unit: name.unit };
        const placed = place(to, name.line, first);
        if (placed !== undefined) await placed;
      }
    }
    return { sets, tally, linkedUnits };
  }
}

function parseHeld(held: string): { inode: string; unit: string | null; position: number; line: string } {
  const blank = held.indexOf(' ');
  const line = held.slice(blank + 18);
  const unit = held.charAt(blank + 1) === 'A' ? awkwardUnit(pathOfLine(line)) : null;
  return { inode: held.slice(0, blank), unit, position: Number(held.slice(blank + 2, blank + 17)), line };
}
