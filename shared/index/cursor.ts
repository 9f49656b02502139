/** Reads batches one item at a time, waiting only where a batch ends. */
export class Cursor<T> {
  readonly #batches: AsyncIterator<readonly T[]>;
  #batch: readonly T[] = [];
  #at = 0;

  private constructor(batches: AsyncIterable<readonly T[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  static async open<T>(batches: AsyncIterable<readonly T[]>): Promise<Cursor<T>> {
    const cursor = new Cursor(batches);
    await cursor.#fill();
    return cursor;
  }

  /** Undefined at the end. */
  get current(): T | undefined {
    return this.#batch[this.#at];
  }

  /** Goes on to the next item; a returned promise must be awaited before `current` is read. */
  advance(): Promise<void> | undefined {
    this.#at += 1;
    return this.#at < this.#batch.length ? undefined : this.#fill();
  }

  /** Leaves early: ends what feeds it. */
  async close(): Promise<void> {
    await this.#batches.return?.();
  }

  async #fill(): Promise<void> {
    this.#at = 0;
    do {
      const next = await this.#batches.next();
      this.#batch = next.done === true ? [] : next.value;
      if (next.done === true) return;
    } while (this.#batch.length === 0);
  }
}
