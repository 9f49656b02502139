import { bytePath, type BytePath } from '../paths/byte-path.js';
import { LineSorter, type SorterOptions } from './line-sorter.js';

/** Finds among paths, given in any order, those that are below no other one of them; memory stays bounded. */
export class TopPaths {
  readonly #sorter: LineSorter;

  constructor(options: SorterOptions) {
    this.#sorter = new LineSorter(options);
  }

  add(path: BytePath): void {
    this.#sorter.add(sortable(path));
  }

  async drain(): Promise<void> {
    await this.#sorter.drain();
  }

  abandon(): void {
    this.#sorter.abandon();
  }

  /** In an order in which all below a path come right behind it. */
  async *tops(): AsyncGenerator<BytePath[], void> {
    let below: string | null = null;
    for await (const batch of this.#sorter.sorted()) {
      const found: BytePath[] = [];
      for (const text of batch) {
        if (below !== null && text.startsWith(below)) continue;
        below = `${text}\x01`;
        found.push(bytePath.of(readable(text)));
      }
      if (found.length > 0) yield found;
    }
  }
}

/** `/` becomes the smallest byte there is, so that `a/b` comes before `a-b`. */
function sortable(path: string): string {
  return path.replace(/[\x01\x02/]/g, (byte) => (byte === '/' ? '\x01' : `\x02${byte}`));
}

function readable(text: string): string {
  return text.replace(/\x02([\x01\x02])|\x01/g, (_, escaped: string | undefined) => escaped ?? '/');
}
