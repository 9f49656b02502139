import { LineSorter, type SorterOptions } from './line-sorter.js';
import type { ByteSum } from './tally.js';
import { fieldsOf } from './line-fields.js';
import { keyLength } from './format.js';

/** When one name of a hard-linked file is saved, all are: two archives that share an inode restore as two files. Memory stays bounded. */
export class ChangedLinks {
  readonly #byInode: LineSorter;

  constructor(options: SorterOptions) {
    this.#byInode = new LineSorter(options);
  }

  add(inode: string, line: string, changed: boolean): void {
    // Changed names come first within their inode.
    this.#byInode.add(`${inode} ${changed ? 'C' : 'U'}${line}`);
  }

  async drain(): Promise<void> {
    await this.#byInode.drain();
  }

  abandon(): void {
    this.#byInode.abandon();
  }

  /** Unchanged names of inodes that have a changed one; adds the content of every inode to `bytes`, once. */
  async *partners(bytes: ByteSum): AsyncGenerator<string[], void> {
    let inode = '';
    let changed = false;
    for await (const batch of this.#byInode.sorted()) {
      const found: string[] = [];
      for (const held of batch) {
        const blank = held.indexOf(' ');
        const isChanged = held.charAt(blank + 1) === 'C';
        const line = held.slice(blank + 2);
        if (held.slice(0, blank) !== inode) {
          inode = held.slice(0, blank);
          changed = isChanged;
          const { type, size } = fieldsOf(line, keyLength(line));
          if (type === 'f') bytes.add(size);
        }
        if (changed && !isChanged) found.push(line);
      }
      if (found.length > 0) yield found;
    }
  }
}
