import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import { examinePaths } from './examine-paths.js';
import { findBelow, MAX_DEPTH } from './find-command.js';
import { FindListing, type Heard } from './find-listing.js';
import type { FindSlots } from './find-slots.js';
import { asItIsNow, BASEPATH, ListingCutter, startOf, type WaitingDirectory } from './listing-cutter.js';
import { PathStack } from './path-stack.js';

export interface WalkOptions {
  /** Absolute. */
  readonly root: BytePath;
  readonly exclude: readonly string[];
  readonly tempDir: string;
  readonly slots: Pick<FindSlots, 'take'>;
  /** Which filesystem the slots are of. */
  readonly filesystem: string;
  /** Finds at a time. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
  /** See ScanOptions. */
  readonly inactivityMs?: number;
  /** Whole lines for the index, in any order; called by one find at a time or several. */
  readonly use: (lines: Buffer) => Promise<void>;
  readonly heard: Heard;
}

/** Directories a find is given at most: little against what they hold are 5 ms to start it, and where each takes milliseconds, others wait for seconds only. */
const MOST_STARTS = 1000;
/** Waiting directories are dealt out in so many parts for each find, so that all end at about the same time; but not in smaller ones than is worth a start. */
const PARTS_PER_FIND = 2;
const WORTH_A_START = 100;
/** find opens what it is told to begin with by its path, which must stay below PATH_MAX; what it meets below that it opens step by step. */
const LONGEST_START = 3000;

/**
 * Lists a tree by several finds at a time: each gets some directories, prints them with their entries, and their sub-directories wait for the next free
 * one. Whatever the shape of the tree, all finds have work as long as directories wait; a flat directory stays with one find. Memory is bounded.
 * Throws INDEX_VOID, SOURCE_UNREADABLE, SOURCE_HUNG, SCAN_HUNG, EXAMINE_FAILED, or the reason of the signal.
 */
export async function walkTree(options: WalkOptions): Promise<void> {
  const walk = new Walk(options);
  try {
    await walk.run();
  } finally {
    await walk.close();
  }
}

class Walk {
  readonly #options: WalkOptions;
  readonly #waiting: PathStack;
  /** Ends all finds when one has failed. */
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  #device: string | null = null;
  #running = 0;
  #finds = 0;
  #idle: (() => void)[] = [];

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#waiting = new PathStack(join(options.tempDir, 'find.waiting'));
    this.#signal = options.signal === undefined ? this.#failed.signal : AbortSignal.any([options.signal, this.#failed.signal]);
  }

  async run(): Promise<void> {
    await this.#waiting.push([BASEPATH]);
    const ended = await Promise.allSettled(Array.from({ length: this.#options.concurrency }, () => this.#work()));
    this.#options.signal?.throwIfAborted();
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }

  async close(): Promise<void> {
    await this.#waiting.close();
  }

  async #work(): Promise<void> {
    const { slots, filesystem, concurrency } = this.#options;
    try {
      while (await this.#untilSomethingWaits()) {
        const release = await slots.take(filesystem, concurrency, this.#signal);
        try {
          await this.#next();
        } finally {
          release();
        }
      }
    } catch (error) {
      this.#failed.abort(error);
      throw error;
    } finally {
      this.#wake();
    }
  }

  /** False when all is listed. */
  async #untilSomethingWaits(): Promise<boolean> {
    while (this.#waiting.size === 0) {
      if (this.#running === 0 || this.#signal.aborted) return false;
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    return true;
  }

  #wake(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resume of idle) resume();
  }

  async #next(): Promise<void> {
    const each = Math.ceil(this.#waiting.size / this.#options.concurrency);
    const share = Math.max(Math.ceil(each / PARTS_PER_FIND), Math.min(each, WORTH_A_START));
    this.#running += 1; // before anything is taken: what is below it is still to come
    try {
      const starts = await this.#waiting.take(Math.max(1, Math.min(share, MOST_STARTS)));
      const short = starts.filter((start) => !isLong(start));
      if (short.length > 0) await this.#list(short, false);
      for (const start of starts.filter(isLong)) await this.#list([start], true);
    } finally {
      this.#running -= 1;
      this.#wake();
    }
  }

  /** `whole`: the one start with all below it. */
  async #list(starts: readonly WaitingDirectory[], whole: boolean): Promise<void> {
    const { root, exclude, tempDir, use, heard, inactivityMs } = this.#options;
    const name = join(tempDir, `find.${this.#finds++}`);
    const [startsFile, find] = [`${name}.starts`, new FindListing(root, name, inactivityMs)];
    const levels = whole ? Math.max(0, MAX_DEPTH - depthOf(starts[0] as WaitingDirectory)) : 1;
    const cutter = new ListingCutter({ starts, device: this.#device, maxDepth: MAX_DEPTH, whole });
    try {
      await writeFile(startsFile, Buffer.from(starts.map((start) => `${startOf(start)}\0`).join(''), 'latin1'), { mode: 0o600 });
      await find.start(findBelow(root, find.messages, exclude, startsFile, levels), this.#signal);
      await find.read(async (lines) => {
        await use(cutter.cut(lines));
        await this.#add(cutter);
      }, heard);
    } finally {
      await find.close();
      await removeFile(startsFile);
    }
    for (const path of cutter.loops) heard.exceptions.push({ path: relative(path), reason: 'could not be examined', detail: 'file system loop' });
    await this.#lookAgain(cutter.replaced);
  }

  async #add(cutter: ListingCutter): Promise<void> {
    this.#device = cutter.device;
    if (cutter.waiting.length === 0) return;
    await this.#waiting.push(cutter.waiting);
    cutter.waiting = [];
    this.#wake();
  }

  /** What was replaced by another directory meanwhile is listed as it is now, unless a symbolic link is on the way to it: then it is not of this tree. */
  async #lookAgain(replaced: readonly WaitingDirectory[]): Promise<void> {
    if (replaced.length === 0) return;
    const { root, heard } = this.#options;
    const states = await examinePaths({ root, signal: this.#signal }, replaced.map((start) => relative(startOf(start))));
    const there = replaced.filter((_, i) => states[i]?.kind !== 'gone');
    heard.vanished += replaced.length - there.length;
    await this.#waiting.push(there.map(asItIsNow));
  }
}

function isLong(waiting: WaitingDirectory): boolean {
  return startOf(waiting).length > LONGEST_START;
}

/** Levels below the basepath. */
function depthOf(waiting: WaitingDirectory): number {
  return waiting.slice(waiting.indexOf('//')).split(',').length - 1;
}

function relative(start: string): BytePath {
  return bytePath.of(start.startsWith('./') ? start.slice(2) : start);
}
