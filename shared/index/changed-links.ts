import { awkwardUnit, mayBeAwkward } from './awkward.js';
import { keyLength, pathOfLine } from './format.js';
import { fieldsOf } from './line-fields.js';
import { LineSorter, type SorterOptions } from './line-sorter.js';
import type { BytePath } from '../paths/byte-path.js';
import type { ByteSum } from './tally.js';

/** All names of one inode that are in the tree. */
interface Inode {
  readonly changed: string[];
  readonly unchanged: string[];
  /** Names that a list cannot carry lie in these: they are saved whole, or not at all. */
  readonly units: BytePath[];
}

/** When one name of a hard-linked file is saved, all are: two archives that share an inode restore as two files. Memory stays bounded, but for names with newlines. */
export class ChangedLinks {
  readonly #byInode: LineSorter;
  /** Units of which something is to be saved: dar takes them with all that is in them. */
  readonly #touched = new Set<BytePath>();

  constructor(options: SorterOptions) {
    this.#byInode = new LineSorter(options);
  }

  add(inode: string, line: string, changed: boolean): void {
    // Changed names come first within their inode.
    this.#byInode.add(`${inode} ${changed ? 'C' : 'U'}${line}`);
  }

  /** Something at this path, or directly below it, is to be saved. */
  touch(path: BytePath): void {
    const unit = mayBeAwkward(path) ? awkwardUnit(path) : null;
    if (unit !== null) this.#touched.add(unit);
  }

  async drain(): Promise<void> {
    await this.#byInode.drain();
  }

  abandon(): void {
    this.#byInode.abandon();
  }

  /** Unchanged names of inodes of which one is saved; adds the content of every inode to `bytes`, once. To be read when all else is known. */
  async *partners(bytes: ByteSum): AsyncGenerator<string[], void> {
    let undecided: Inode[] = [];
    for await (const inodes of this.#inodes(bytes)) {
      const found: string[] = [];
      for (const inode of inodes) {
        if (inode.units.length > 0) undecided.push(inode);
        else if (inode.changed.length > 0) found.push(...inode.unchanged);
      }
      if (found.length > 0) yield found;
    }
    for (let some = this.#decide(undecided); some.saved.length > 0; some = this.#decide(undecided)) {
      undecided = some.left;
      yield some.saved.flatMap(({ unchanged }) => unchanged);
    }
  }

  /** An inode that is saved touches the units its names lie in, and these may bring others. */
  #decide(inodes: readonly Inode[]): { saved: Inode[]; left: Inode[] } {
    const saved: Inode[] = [];
    const left: Inode[] = [];
    for (const inode of inodes) {
      if (inode.changed.length > 0 || inode.units.some((unit) => this.#touched.has(unit))) {
        saved.push(inode);
        for (const unit of inode.units) this.#touched.add(unit);
      } else left.push(inode);
    }
    return { saved, left };
  }

  async *#inodes(bytes: ByteSum): AsyncGenerator<Inode[], void> {
    let last = '';
    let open: Inode | null = null;
    for await (const batch of this.#byInode.sorted()) {
      const done: Inode[] = [];
      for (const held of batch) {
        const blank = held.indexOf(' ');
        const line = held.slice(blank + 2);
        if (held.slice(0, blank) !== last) {
          last = held.slice(0, blank);
          if (open !== null) done.push(open);
          open = { changed: [], unchanged: [], units: [] };
          const { type, size } = fieldsOf(line, keyLength(line));
          if (type === 'f') bytes.add(size);
        }
        if (open !== null) addName(open, line, held.charAt(blank + 1) === 'C');
      }
      if (done.length > 0) yield done;
    }
    if (open !== null) yield [open];
  }
}

function addName(inode: Inode, line: string, changed: boolean): void {
  (changed ? inode.changed : inode.unchanged).push(line);
  const unit = mayBeAwkward(line) ? awkwardUnit(pathOfLine(line)) : null;
  if (unit !== null) inode.units.push(unit);
}
