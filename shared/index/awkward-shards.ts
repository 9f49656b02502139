import { basename, join } from 'node:path';
import { parseRecord } from './format.js';
import { LineWriter } from './line-file.js';
import type { CutLimits } from './shard-cutter.js';
import { plannedShard, shardFile, type PlannedShard } from './shard-files.js';
import { Tally } from './tally.js';

/** `-g` paths are tried one by one: 50 of them cost 1 s per 100,000 files. */
const AWKWARD_UNITS = 500;

/** Sorts before 0 and 1. */
export const LINKED_MARK = '!';

/** Writes the names that need -g: all of a unit together, at most 500 units per shard, linked units in one. */
export class AwkwardShards {
  readonly #outDir: string;
  readonly #limits: CutLimits;
  readonly #shards: PlannedShard[];
  #current: AwkwardShard | null = null;
  #linked: AwkwardShard | null = null;
  #unit: string | null = null;
  #linkedUnit: string | null = null;
  #next: number;

  constructor(outDir: string, limits: CutLimits, shards: PlannedShard[]) {
    this.#outDir = outDir;
    this.#limits = limits;
    this.#shards = shards;
    this.#next = shards.length + 1;
  }

  /** `UUNIT//1LINE`, 0 where another name counts the content; `UUNIT//!` before them says that the unit is linked with others. In order of units. */
  async add(extra: string): Promise<void> {
    const cut = extra.indexOf('//');
    const unit = extra.slice(1, cut);
    if (extra[cut + 2] === LINKED_MARK) {
      this.#linkedUnit = unit;
      return;
    }
    const shard = await this.#shardOf(unit);
    const line = extra.slice(cut + 3);
    shard.writer.add(line);
    shard.tally.add(parseRecord(line), extra[cut + 2] === '1' ? 1 : Infinity);
    await shard.writer.drain();
  }

  async finish(): Promise<void> {
    for (const shard of [this.#current, this.#linked]) if (shard !== null) await this.#end(shard);
    this.#shards.sort((a, b) => a.number - b.number);
  }

  async #shardOf(unit: string): Promise<AwkwardShard> {
    if (this.#linkedUnit === unit) return (this.#linked ??= await this.#open());
    const isNew = unit !== this.#unit;
    this.#unit = unit;
    if (this.#current !== null && isNew && this.#isFull(this.#current)) {
      await this.#end(this.#current);
      this.#current = null;
    }
    this.#current ??= await this.#open();
    if (isNew) this.#current.units += 1;
    return this.#current;
  }

  #isFull({ units, tally }: AwkwardShard): boolean {
    const { maxFiles, maxBytes } = this.#limits;
    return units >= AWKWARD_UNITS || tally.records >= maxFiles || tally.bytes.approximate >= maxBytes;
  }

  async #open(): Promise<AwkwardShard> {
    const number = this.#next;
    this.#next += 1;
    const writer = await LineWriter.create(join(this.#outDir, shardFile(number)));
    return { number, writer, tally: new Tally(), units: 0 };
  }

  async #end({ number, writer, tally }: AwkwardShard): Promise<void> {
    await writer.end();
    this.#shards.push(plannedShard(number, basename(writer.file), tally, { sorted: false, kind: 'awkward' }));
  }
}

interface AwkwardShard {
  readonly number: number;
  readonly writer: LineWriter;
  readonly tally: Tally;
  units: number;
}
