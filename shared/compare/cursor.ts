/**
 * A position in a sorted stream that can be looked at before it is taken.
 *
 * All streams of one tree are sorted (`LC_ALL=C sort -z`) by `PATH//`. No path holds `//`, so no key is the beginning
 * of another one and whatever follows the key in a record cannot change the order. Keys are compared without
 * `ROOT/`, which makes the root's own key `/`.
 */
export class Cursor<T extends { readonly key: string }> {
  private readonly source: AsyncIterator<T, void, undefined>;
  private head: T | null = null;
  private started = false;
  private ended = false;

  /** The source is started by the first look, not before: streams that nobody needs cost nothing. */
  constructor(source: AsyncIterable<T>) {
    this.source = source[Symbol.asyncIterator]() as AsyncIterator<T, void, undefined>;
  }

  /** The next item, which stays; null at the end. */
  async peek(): Promise<T | null> {
    if (this.head === null && !this.ended) {
      this.started = true;
      const next = await this.source.next();
      if (next.done === true) this.ended = true;
      else this.head = next.value;
    }
    return this.head;
  }

  async take(): Promise<T | null> {
    const item = await this.peek();
    this.head = null;
    return item;
  }

  /** The item with this key, passing by all smaller ones; null if there is none. */
  async takeKey(key: string): Promise<T | null> {
    for (;;) {
      const item = await this.peek();
      if (item === null || item.key > key) return null;
      this.head = null;
      if (item.key === key) return item;
    }
  }

  /** Reads what is left, because a program tells only at its end that it failed. Nothing if nobody looked. */
  async finish(): Promise<void> {
    while (this.started && (await this.take()) !== null);
  }

  /** Ends the source wherever it is, and the programs behind it. */
  async close(): Promise<void> {
    this.ended = true;
    this.head = null;
    await this.source.return?.();
  }
}

/** NUL-terminated records of a stream as latin1 text. A rest without its NUL is a record too (a truncated one: parsing must notice). */
export async function* nulRecords(stream: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(0); end !== -1; end = chunk.indexOf(0, from)) {
      const record = chunk.toString('latin1', from, end);
      yield rest === '' ? record : rest + record;
      rest = '';
      from = end + 1;
    }
    rest += chunk.toString('latin1', from);
  }
  if (rest !== '') yield rest;
}

/** Lines of a stream as latin1 text, without their newline. */
export async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + chunk.toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}
