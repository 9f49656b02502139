import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestArchive, ManifestSlice } from '../../../shared/catalog/manifest.js';
import type { SliceSource } from '../../../shared/dar/index.js';
import type { WorkerContext } from '../../context.js';
import { isReadInPlace, windowBytes } from '../../../shared/restore/room.js';
import { openSlice, openSlices, tasksOf } from './open-archive.js';

export interface WindowOptions {
  readonly context: Pick<WorkerContext, 'backends' | 'logger'>;
  readonly archive: ManifestArchive;
  /** Existing directory of this extraction alone. */
  readonly dir: string;
  /** Whether most of the archive is wanted: then the next slice is fetched while dar reads one. */
  readonly ahead: boolean;
  /** Numbers of the slices that will be asked for, where that is known. */
  readonly needed?: ReadonlySet<number> | null;
  /** The first slice that is asked for must be there: one that lies on tape is not waited for (RESTORE_NOT_RECALLED). */
  readonly impatient?: boolean;
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
    if (this.#options.ahead && tasksOf(this.#options.context.backends) === null && number < this.count && !this.#open.has(number + 1)) void this.#begin(number + 1, number);
  }

  /** Removes what is there, when what is on its way has come or failed. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#open.values());
    for (const number of [...this.#open.keys()]) await this.#remove(number);
  }

  /** `inUse` stays whatever else must go. */
  #begin(number: number, inUse: number): Promise<void> {
    const { context, dir, signal, impatient } = this.#options;
    const together = this.#together(number);
    if (together.length > 1) return this.#beginAll(together);
    const onTape = impatient === true && this.opened === 0 ? 'throw' : 'wait';
    const opening = this.#makeRoom([number], inUse).then(() => openSlice(context, this.#slice(number), dir, signal, onTape));
    this.#note(number, opening);
    return opening;
  }

  /** What comes in one task with a slice: what is asked for next and has room beside the last one, to which dar comes back. The last itself comes first, alone. */
  #together(number: number): number[] {
    if (tasksOf(this.#options.context.backends) === null || number === this.count) return [number];
    const together = [number];
    let room = this.#capacity - this.#bytesOf(this.count) - this.#bytesOf(number);
    for (let next = number + 1; next < this.count; next++) {
      if (this.#open.has(next) || !this.#isNeeded(next)) continue;
      room -= this.#bytesOf(next);
      if (room < 0) break;
      together.push(next);
    }
    return together;
  }

  #isNeeded(number: number): boolean {
    const { needed, ahead } = this.#options;
    return needed === undefined || needed === null ? ahead : needed.has(number);
  }

  async #beginAll(numbers: readonly number[]): Promise<void> {
    const { context, dir, signal } = this.#options;
    const [first = 0] = numbers;
    const failed = this.#makeRoom(numbers, first).then(() => openSlices(context, numbers.map((each) => this.#slice(each)), dir, signal));
    for (const number of numbers) {
      this.#note(number, failed.then((errors) => {
        if (errors.has(number)) throw errors.get(number);
      }));
    }
    await this.#open.get(first);
  }

  #note(number: number, opening: Promise<void>): void {
    opening.catch(() => undefined);
    this.#open.set(number, opening);
    this.opened += 1;
  }

  async #makeRoom(numbers: readonly number[], inUse: number): Promise<void> {
    if (this.#capacity === 0) return;
    const keep = this.#capacity - numbers.reduce((sum, each) => sum + this.#bytesOf(each), 0);
    // The last one goes when nothing else is left to go: though long unused, it is wanted again.
    const candidates = [...this.#open.keys()].sort((a, b) => Number(a === this.count) - Number(b === this.count));
    for (const each of candidates) {
      if (this.#held(numbers) <= keep) return;
      if (numbers.includes(each) || each === inUse || this.#bytesOf(each) === 0) continue;
      await this.#open.get(each)?.catch(() => undefined);
      await this.#remove(each);
    }
  }

  #held(but: readonly number[]): number {
    return [...this.#open.keys()].reduce((sum, each) => sum + (but.includes(each) ? 0 : this.#bytesOf(each)), 0);
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
