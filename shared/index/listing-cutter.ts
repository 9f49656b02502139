import { keyLength, pathOfLine } from './format.js';

/**
 * A directory that waits to be listed: `./a/b//1,22,333`, its path and the inodes from the basepath down to it. The last one is empty when any will
 * do. A path never holds `//`.
 */
export type WaitingDirectory = string;

/** The basepath itself: nothing is known of it yet. */
export const BASEPATH: WaitingDirectory = './/';

/** As find names it. */
export function startOf(waiting: WaitingDirectory): string {
  return waiting.slice(0, waiting.indexOf('//'));
}

function inodesOf(waiting: WaitingDirectory): string {
  return waiting.slice(waiting.indexOf('//') + 2);
}

/** The same directory, whatever inode it has now. */
export function asItIsNow(waiting: WaitingDirectory): WaitingDirectory {
  return waiting.slice(0, Math.max(waiting.lastIndexOf(','), waiting.indexOf('//') + 1) + 1);
}

/** What every line of a directory holds, and no other line. */
const DIRECTORY = Buffer.from('//./');

export interface CutterOptions {
  /** What the find was told to begin with. */
  readonly starts: readonly WaitingDirectory[];
  /** Device of the basepath; null while its own line is awaited. */
  readonly device: string | null;
  /** Levels below which nothing is entered. */
  readonly maxDepth: number;
  /** Whether find enters what it meets by itself: then nothing waits. */
  readonly whole: boolean;
}

/**
 * Takes apart what one find printed of some directories and their entries: sub-directories wait for a find of their own, which prints their line, so
 * that it tells what they were when their entries were read. The rest goes into the index.
 */
export class ListingCutter {
  /** To be listed next; taken by the caller. */
  waiting: WaitingDirectory[] = [];
  /** Another directory than the one that was met: what was printed of it is dropped, for the way to it may lead out of the tree. */
  readonly replaced: WaitingDirectory[] = [];
  /** Paths of directories that are their own ancestors (a bind mount): find alone would say so. */
  readonly loops: string[] = [];
  device: string | null;
  readonly #starts: ReadonlyMap<string, WaitingDirectory>;
  readonly #options: CutterOptions;
  #inodes = '';
  #dropping = false;

  constructor(options: CutterOptions) {
    this.#options = options;
    this.#starts = new Map(options.starts.map((start) => [startOf(start), start]));
    this.device = options.device;
  }

  /** Whole lines of find's; returns those for the index, with their terminators, as a copy. */
  cut(lines: Buffer): Buffer {
    const kept = Buffer.allocUnsafe(lines.length);
    let [used, from] = [0, 0];
    const keep = (start: number, end: number): void => { used += lines.copy(kept, used, start, end); };
    const keepEntries = (end: number): void => {
      if (!this.#dropping) keep(from, end);
      else used += kept.write(this.#wanted(lines.toString('latin1', from, end)), used, 'latin1');
    };
    for (let at = lines.indexOf(DIRECTORY); at !== -1; at = lines.indexOf(DIRECTORY, from)) {
      const start = lines.lastIndexOf(0, at) + 1;
      keepEntries(start);
      from = lines.indexOf(0, at) + 1;
      if (this.#directory(lines.toString('latin1', start, from - 1))) keep(start, from);
    }
    keepEntries(lines.length);
    return kept.subarray(0, used);
  }

  /** Behind a directory that is dropped can come a start that is none any more. */
  #wanted(text: string): string {
    const lines = text.split('\0').slice(0, -1);
    return lines.filter((line) => this.#starts.has(`./${pathOfLine(line)}`)).map((line) => `${line}\0`).join('');
  }

  /** Whether the line goes into the index. */
  #directory(line: string): boolean {
    const path = line.slice(0, line.indexOf('//'));
    const [device = '', inode = ''] = (line.slice(keyLength(line)).split(' ', 5)[4] ?? '').split(':');
    const start = this.#starts.get(path);
    return start === undefined ? this.#met(path, device, inode) : this.#begin(start, device, inode);
  }

  #begin(start: WaitingDirectory, device: string, inode: string): boolean {
    this.device ??= device;
    const inodes = inodesOf(start);
    const cut = inodes.lastIndexOf(',') + 1;
    const expected = inodes.slice(cut);
    const replaced = expected !== '' && expected !== inode;
    this.#inodes = inodes.slice(0, cut) + inode;
    // Something was mounted since: it is recorded, and not entered. A find that had come this way would not enter it either.
    const mounted = device !== this.device;
    this.#dropping = mounted || replaced;
    if (!mounted && replaced) this.replaced.push(start);
    return mounted || !replaced;
  }

  #met(path: string, device: string, inode: string): boolean {
    if (this.#dropping) return false;
    if (this.#options.whole || device !== this.device) return true;
    const above = this.#inodes.split(',');
    if (above.includes(inode)) {
      this.loops.push(path);
      return false;
    }
    if (above.length >= this.#options.maxDepth) return true;
    this.waiting.push(`${path}//${this.#inodes},${inode}`);
    return false;
  }
}
