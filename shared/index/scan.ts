import { join } from 'node:path';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import { examinePaths } from './examine-paths.js';
import type { IndexException } from './exceptions.js';
import { findTree } from './find-command.js';
import { FindListing, indexVoid, type Heard } from './find-listing.js';
import type { FindSlots } from './find-slots.js';
import { keyLength, keyOfPath, parseRecords, withFlag } from './format.js';
import { empty } from './inspect-root.js';
import { LineSorter } from './line-sorter.js';
import type { IndexRecord } from './record.js';
import { walkTree } from './walk-tree.js';

export interface ScanOptions {
  /** Absolute. */
  readonly root: BytePath;
  /** Glob patterns: without `/` against any name, with `/` against the path below the root. */
  readonly exclude: readonly string[];
  /** Absolute directory of ours for find's messages and what sorting puts aside. */
  readonly tempDir: string;
  /** Default false: SOURCE_EMPTY. */
  readonly allowEmpty?: boolean;
  readonly signal?: AbortSignal;
  /** Called with the number of paths seen so far, for every piece find prints; it can begin anew once. */
  readonly onProgress?: (paths: number) => void;
  /** A find that moves nothing for so long hangs, ms: SCAN_HUNG. Default: never. */
  readonly inactivityMs?: number;
  /** Several finds at a time, as many as the source's filesystem may have; without it one find lists all. */
  readonly parallel?: ParallelScan;
}

export interface ParallelScan {
  readonly slots: Pick<FindSlots, 'take'>;
  /** What tells the source's filesystem from others. */
  readonly filesystem: string;
  /** Finds at a time on it, of all scans together. */
  readonly concurrency: number;
  /** When to look whether one find for all is fast, ms; default 200, 0 = several begin at once. */
  readonly splitAfterMs?: number;
}

export interface Scan {
  /** All paths in index order, the root among them. These or `records` are to be read once, to their end; throws SORT_FAILED. */
  readonly lines: AsyncIterable<string[]>;
  /** The same, taken apart. */
  readonly records: AsyncIterable<IndexRecord[]>;
  /** Directories whose content is not completely known. */
  readonly unlisted: ReadonlySet<BytePath>;
  /** Number of records. */
  readonly paths: number;
  /** Seen in a directory, gone when looked at. */
  readonly vanished: number;
  /** What could not be listed or examined; directories whose content is not completely known carry flag `u`. */
  readonly exceptions: readonly IndexException[];
}

/**
 * Lists everything below `root` with find, one or several at a time: the result is the same. It resolves when all have ended and every message of
 * theirs is accounted for, so that nothing is planned on a listing that is void.
 * Throws INDEX_VOID (retryable), SOURCE_EMPTY, SOURCE_UNREADABLE, SCAN_HUNG, SORT_FAILED.
 */
export async function scan(options: ScanOptions): Promise<Scan> {
  const { sorter, heard } = await list(options);
  try {
    if (sorter.lines <= 1 && heard.exceptions.length === 0 && options.allowEmpty !== true) throw empty(options.root);
    heard.exceptions.sort((a, b) => (a.path < b.path ? -1 : 1));
    const { exceptions, unlisted } = await tellApart(options, heard.exceptions);
    const lines = flagged(sorter, new Set([...unlisted].map((path) => keyOfPath(path, 'd'))));
    return { lines, records: parseRecords(lines), unlisted, paths: sorter.lines, vanished: heard.vanished, exceptions };
  } catch (error) {
    sorter.abandon();
    throw error;
  }
}

interface Listing {
  readonly sorter: LineSorter;
  readonly heard: Heard;
}

async function list(options: ScanOptions): Promise<Listing> {
  const { parallel } = options;
  if (parallel === undefined) return into(options, (use, heard) => listAtOnce(options, use, heard));
  return (await tryAtOnce(options, parallel)) ?? (await into(options, (use, heard) => walkTree({ ...options, ...parallel, use, heard })));
}

type Use = (lines: Buffer) => Promise<void>;

async function into(options: ScanOptions, work: (use: Use, heard: Heard, sorter: LineSorter) => Promise<void>): Promise<Listing> {
  const listing: Listing = { sorter: new LineSorter(options), heard: { exceptions: [], vanished: 0 } };
  const { sorter, heard } = listing;
  const use: Use = async (lines) => {
    sorter.addBytes(lines, countLines(lines));
    await sorter.drain();
    options.onProgress?.(sorter.lines);
  };
  try {
    await work(use, heard, sorter);
    return listing;
  } catch (error) {
    sorter.abandon();
    throw options.signal?.aborted === true ? indexVoid(options.root, 'it was stopped', '') : error;
  }
}

/** Several finds list many small directories with a third more of processor time than one: worth it only where one waits for the filesystem. */
const FAST_PER_SECOND = 50_000;
/** When the speed of the one find is looked at, ms, and then each time after ten times as long: what may be for nothing is a share of the whole. */
const FIRST_LOOK_MS = 200;

/** One find for all, as long as it is fast: so trees that are small, or local, are listed. Null when several must begin anew; nothing of it is used then. */
async function tryAtOnce(options: ScanOptions, { slots, filesystem, concurrency, splitAfterMs = FIRST_LOOK_MS }: ParallelScan): Promise<Listing | null> {
  if (splitAfterMs === 0) return null;
  const release = await slots.take(filesystem, concurrency, options.signal);
  const slow = new AbortController();
  const signal = options.signal === undefined ? slow.signal : AbortSignal.any([options.signal, slow.signal]);
  try {
    return await into(options, async (use, heard, sorter) => {
      const stopLooking = lookAtSpeed(() => sorter.lines, splitAfterMs, slow);
      await listAtOnce({ ...options, signal }, use, heard).finally(stopLooking);
    });
  } catch (error) {
    if (slow.signal.aborted && options.signal?.aborted !== true) return null;
    throw error;
  } finally {
    release();
  }
}

function lookAtSpeed(lines: () => number, firstMs: number, slow: AbortController): () => void {
  let timer: NodeJS.Timeout | undefined;
  const lookIn = (ms: number, before: number): void => {
    timer = setTimeout(() => {
      const now = lines();
      if ((now - before) / ms < FAST_PER_SECOND / 1000) slow.abort();
      else lookIn(ms * 10, now);
    }, ms);
  };
  lookIn(firstMs, 0);
  return () => { clearTimeout(timer); };
}

async function listAtOnce({ root, exclude, tempDir, signal, inactivityMs }: ScanOptions, use: Use, heard: Heard): Promise<void> {
  const find = new FindListing(root, join(tempDir, 'find'), inactivityMs);
  try {
    await find.start(findTree(root, find.messages, exclude), signal);
    await find.read(use, heard);
  } finally {
    await find.close();
  }
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, at + 1)) lines += 1;
  return lines;
}

/**
 * find says the same of a directory it could not list and of an entry it could not even examine. The former can
 * be looked at; of the latter only the name is known, so that the listing of its parent is not complete.
 */
async function tellApart(options: ScanOptions, exceptions: readonly IndexException[]): Promise<{ exceptions: IndexException[]; unlisted: Set<BytePath> }> {
  const states = await examinePaths(options, exceptions.map((exception) => exception.path));
  const unlisted = new Set<BytePath>();
  const named = exceptions.map((exception, i): IndexException => {
    const state = states[i];
    const listable = state?.kind === 'there' && state.record.type === 'd';
    unlisted.add(listable ? exception.path : parentOf(exception.path));
    return listable ? { ...exception, reason: 'directory could not be listed' } : exception;
  });
  return { exceptions: named, unlisted };
}

/** Directories with these keys get flag `u`. */
async function* flagged(sorter: LineSorter, unlisted: ReadonlySet<string>): AsyncGenerator<string[], void> {
  if (unlisted.size === 0) {
    yield* sorter.sorted();
    return;
  }
  for await (const batch of sorter.sorted()) yield batch.map((line) => (unlisted.has(line.slice(0, keyLength(line))) ? withFlag(line, 'u') : line));
}

function parentOf(path: BytePath): BytePath {
  const cut = path.lastIndexOf('/');
  return bytePath.of(cut === -1 ? '.' : path.slice(0, cut));
}
