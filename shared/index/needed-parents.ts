import { Cursor } from './cursor.js';
import { keyLength } from './format.js';
import { LineWriter, readCompleteLines } from './line-file.js';
import { LineSorter, type SorterOptions } from './line-sorter.js';

/**
 * Finds the directories above paths: every archive lists all directories it passes through, so that it holds their metadata as they were
 * then, and a later restore from older archives does not bring back older ones. Memory stays bounded.
 */
export class NeededParents {
  readonly #keys: LineSorter;
  readonly #unchanged: LineWriter;
  #last = '';

  private constructor(keys: LineSorter, unchanged: LineWriter) {
    this.#keys = keys;
    this.#unchanged = unchanged;
  }

  /** `file`: a work file of its own, removed by nobody. */
  static async create(file: string, options: SorterOptions): Promise<NeededParents> {
    return new NeededParents(new LineSorter(options), await LineWriter.create(file));
  }

  /** A directory that is not to be saved for itself, in index order. */
  addUnchanged(line: string): void {
    this.#unchanged.add(line);
  }

  /** Everything above what lies directly in this directory (`./a/b`) is needed, itself too. */
  need(dirname: string): void {
    if (dirname === this.#last) return;
    for (let end = dirname.length; end > 1; end = dirname.lastIndexOf('/', end - 1)) {
      const above = dirname.slice(0, end);
      if (this.#last === above || this.#last.startsWith(`${above}/`)) break;
      this.#keys.add(`${above}//./`);
    }
    this.#last = dirname;
  }

  async drain(): Promise<void> {
    await this.#keys.drain();
    await this.#unchanged.drain();
  }

  /** Lines of unchanged directories that are needed, in order; once. */
  async *found(): AsyncGenerator<string[], void> {
    await this.#unchanged.end();
    const keys = await Cursor.open(this.#keys.sorted());
    for await (const lines of readCompleteLines(this.#unchanged.file)) {
      const found: string[] = [];
      for (const line of lines) {
        const key = line.slice(0, keyLength(line));
        while (keys.current !== undefined && keys.current < key) await keys.advance();
        if (keys.current === key) found.push(line);
      }
      if (found.length > 0) yield found;
    }
    while (keys.current !== undefined) await keys.advance(); // to its end: the sorter counts what came out
  }

  async close(): Promise<void> {
    this.#keys.abandon();
    await this.#unchanged.close();
  }
}
