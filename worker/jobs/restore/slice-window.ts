import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import type { SliceSource } from '../../../shared/dar/index.js';
import type { WorkerContext } from '../../context.js';
import { isReadInPlace, windowBytes } from '../../../shared/restore/room.js';
import { openSlice } from './open-archive.js';

export interface WindowOptions {
  readonly context: Pick<WorkerContext, 'backends' | 'logger'>;
  readonly archive: ManifestArchive;
  /** Existing directory of this extraction alone. */
  readonly dir: string;
  /** Whether most of the archive is wanted: then the next slice is fetched while dar reads one. */
  readonly ahead: boolean;
  readonly signal: AbortSignal;
}

/** The slices of an archive, fetched (or read in place) when dar asks for them, checked against their hash, and removed when others need the room. */
export class SliceWindow implements SliceSource {
  readonly #options: WindowOptions;
  readonly #slices: ReadonlyMap<number, ManifestSlice>;
  readonly #capacity: number;
  /** What is there or on its way, the longest unused first. */
  readonly #open = new Map<number, Promise<void>>();
  /** Slices that were opened, again ones too. */
  opened = 0;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#slices = new Map(options.archive.slices.map((slice) => [slice.number, slice]));
    this.#capacity = windowBytes(options.archive, options.context.backends);
  }

  get count(): number {
    return this.#slices.size;
  }

  async provide(number: number): Promise<void> {
    const there = this.#open.get(number) ?? this.#begin(number, number);
    this.#open.delete(number);
    this.#open.set(number, there);
    await there;
    // Where most is wanted, what follows is. Its failure is told when it is asked for.
    if (this.#options.ahead && number < this.count && !this.#open.has(number + 1)) void this.#begin(number + 1, number);
  }

  /** Removes what is there, when what is on its way has come or failed. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#open.values());
    for (const number of [...this.#open.keys()]) await this.#remove(number);
  }

  /** `inUse` stays whatever else must go. */
  #begin(number: number, inUse: number): Promise<void> {
    const opening = this.#makeRoom(number, inUse).then(() => openSlice(this.#options.context, this.#slice(number), this.#options.dir, this.#options.signal));
    opening.catch(() => undefined);
    this.#open.set(number, opening);
    this.opened += 1;
    return opening;
  }

  async #makeRoom(number: number, inUse: number): Promise<void> {
    if (this.#capacity === 0) return;
    const keep = this.#capacity - this.#bytesOf(number);
    // The last one goes when nothing else is left to go: though long unused, it is wanted again.
    const candidates = [...this.#open.keys()].sort((a, b) => Number(a === this.count) - Number(b === this.count));
    for (const each of candidates) {
      if (this.#held(number) <= keep) return;
      if (each === number || each === inUse || this.#bytesOf(each) === 0) continue;
      await this.#open.get(each)?.catch(() => undefined);
      await this.#remove(each);
    }
  }

  #held(but: number): number {
    return [...this.#open.keys()].reduce((sum, each) => sum + (each === but ? 0 : this.#bytesOf(each)), 0);
  }

  async #remove(number: number): Promise<void> {
    this.#open.delete(number);
    await unlink(join(this.#options.dir, this.#slice(number).name)).catch(() => undefined); // never came
  }

  /** In staging. */
  #bytesOf(number: number): number {
    const slice = this.#slice(number);
    return isReadInPlace(slice, this.#options.context.backends) ? 0 : slice.bytes;
  }

  #slice(number: number): ManifestSlice {
    const slice = this.#slices.get(number);
    if (slice === undefined) throw new RangeError(`the archive has no slice ${number}`);
    return slice;
  }
}
