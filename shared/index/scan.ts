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
  /** Called with the number of paths seen so far, for every piece find prints. */
  readonly onProgress?: (paths: number) => void;
  /** Several finds at a time, as many as the source's filesystem may have; without it one find lists all. */
  readonly parallel?: ParallelScan;
}

export interface ParallelScan {
  readonly slots: Pick<FindSlots, 'take'>;
  /** What tells the source's filesystem from others. */
  readonly filesystem: string;
  /** Finds at a time on it, of all scans together. */
  readonly concurrency: number;
  /** How long one find may take for all before several begin anew, ms; default 100, 0 = they begin at once. */
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

/** Most trees are listed in this time by one find (25,000 entries of a local disk): several, level by level, would take 5 ms a level. */
const SPLIT_AFTER_MS = 100;

/**
 * Lists everything below `root` with find, one or several at a time: the result is the same. It resolves when all have ended and every message of
 * theirs is accounted for, so that nothing is planned on a listing that is void.
 * Throws INDEX_VOID (retryable), SOURCE_EMPTY, SOURCE_UNREADABLE, SORT_FAILED.
 */
export async function scan(options: ScanOptions): Promise<Scan> {
  const sorter = new LineSorter(options);
  const heard: Heard = { exceptions: [], vanished: 0 };
  try {
    await list(options, sorter, heard);
    if (sorter.lines <= 1 && heard.exceptions.length === 0 && options.allowEmpty !== true) throw empty(options.root);
    heard.exceptions.sort((a, b) => (a.path < b.path ? -1 : 1));
    const { exceptions, unlisted } = await tellApart(options, heard.exceptions);
    const lines = flagged(sorter, new Set([...unlisted].map((path) => keyOfPath(path, 'd'))));
    return { lines, records: parseRecords(lines), unlisted, paths: sorter.lines, vanished: heard.vanished, exceptions };
  } catch (error) {
    sorter.abandon();
    throw options.signal?.aborted === true ? indexVoid(options.root, 'it was stopped', '') : error;
  }
}

async function list(options: ScanOptions, sorter: LineSorter, heard: Heard): Promise<void> {
  const use = async (lines: Buffer): Promise<void> => {
    sorter.addBytes(lines, countLines(lines));
    await sorter.drain();
    options.onProgress?.(sorter.lines);
  };
  const { parallel } = options;
  if (parallel === undefined) await listAtOnce(options, use, heard, Infinity);
  else if (!(await tryAtOnce(options, parallel, use, heard))) await walkTree({ ...options, ...parallel, use, heard });
}

async function tryAtOnce(options: ScanOptions, { slots, filesystem, concurrency, splitAfterMs }: ParallelScan, use: Use, heard: Heard): Promise<boolean> {
  if (splitAfterMs === 0) return false;
  const release = await slots.take(filesystem, concurrency, options.signal);
  try {
    return await listAtOnce(options, use, heard, splitAfterMs ?? SPLIT_AFTER_MS);
  } finally {
    release();
  }
}

type Use = (lines: Buffer) => Promise<void>;

/** One find for all. False when it had not ended in time: then nothing of it is used. */
async function listAtOnce({ root, exclude, tempDir, signal }: ScanOptions, use: Use, heard: Heard, withinMs: number): Promise<boolean> {
  const find = new FindListing(root, join(tempDir, 'find'));
  try {
    await find.start(findTree(root, find.messages, exclude), signal);
    if (withinMs !== Infinity && !(await find.endsWithin(withinMs))) return false;
    await find.read(use, heard);
    return true;
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
