import type { LinkSet } from './hard-links.js';
import type { CutLimits, Part } from './shard-cutter.js';
import { Tally } from './tally.js';

/**
 * Chooses the part of each hard-link set, all names together: that of its first name where there is room, else one of parts for such sets, which are filled
 * in the order of first names, so that a directory's files stay together as far as they can. A set above a limit has a part of its own.
 */
export class LinkParts {
  readonly #limits: CutLimits;
  readonly #parts: readonly Part[];
  /** What sets add to parts; beyond the last of `parts` those for sets only. */
  readonly #added = new Map<number, Tally>();
  #count: number;
  /** The one that is being filled. */
  #open: number | null = null;

  constructor(parts: readonly Part[], limits: CutLimits) {
    this.#parts = parts;
    this.#limits = limits;
    this.#count = parts.length;
  }

  /** Parts in all. */
  get count(): number {
    return this.#count;
  }

  added(part: number): Tally | undefined {
    return this.#added.get(part);
  }

  /** `home`: the part in which its first name lies. */
  choose(set: LinkSet, home: number): number {
    const part = this.#partFor(set, home);
    const tally = this.#added.get(part) ?? new Tally();
    this.#added.set(part, tally);
    tally.records += set.names;
    if (set.type === 'f') tally.bytes.add(set.size);
    return part;
  }

  #partFor(set: LinkSet, home: number): number {
    if (!this.#fits(set, [])) return this.#count++;
    if (this.#fits(set, [this.#parts[home]?.tally, this.#added.get(home)])) return home;
    if (this.#open === null || !this.#fits(set, [this.#added.get(this.#open)])) this.#open = this.#count++;
    return this.#open;
  }

  #fits({ names, type, size }: LinkSet, there: readonly (Tally | undefined)[]): boolean {
    let [records, bytes] = [names, type === 'f' ? Number(size) : 0];
    for (const tally of there) {
      records += tally?.records ?? 0;
      bytes += tally?.bytes.approximate ?? 0;
    }
    return records <= this.#limits.maxFiles && bytes <= this.#limits.maxBytes;
  }
}
