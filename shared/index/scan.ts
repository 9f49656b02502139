import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import { BwError } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, startPipeline, tailFile, tailText, type StageResult } from '../process/index.js';
import { examinePaths } from './examine-paths.js';
import type { IndexException } from './exceptions.js';
import { findTree } from './find-command.js';
import { parseFindMessage, type FindMessage } from './find-messages.js';
import { keyLength, keyOfPath, parseRecords, withFlag } from './format.js';
import { empty, unreadable } from './inspect-root.js';
import { LineSorter } from './line-sorter.js';
import type { IndexRecord } from './record.js';

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

/** Above this the listing is not worth a backup, and what is remembered of it stays bounded. */
const MAX_EXCEPTIONS = 100_000;

/**
 * Lists everything below `root` with find. It resolves when find has ended and every message of it is
 * accounted for, so that nothing is planned on a listing that is void.
 * Throws INDEX_VOID (retryable), SOURCE_EMPTY, SOURCE_UNREADABLE, SORT_FAILED.
 */
export async function scan(options: ScanOptions): Promise<Scan> {
  const messages = join(options.tempDir, 'find.messages');
  const sorter = new LineSorter(options);
  try {
    await writeFile(messages, '', { mode: 0o600 });
    const find = await list(options, messages, sorter);
    const found = await account(messages, options.root);
    judge(find, found, options.root);
    if (sorter.lines <= 1 && found.exceptions.length === 0 && options.allowEmpty !== true) throw empty(options.root);
    const { exceptions, unlisted } = await tellApart(options, found.exceptions);
    const lines = flagged(sorter, new Set([...unlisted].map((path) => keyOfPath(path, 'd'))));
    return { lines, records: parseRecords(lines), unlisted, paths: sorter.lines, vanished: found.vanished, exceptions };
  } catch (error) {
    sorter.abandon();
    throw error;
  } finally {
    await removeFile(messages);
  }
}

/** How often to look for more of the listing, ms; its end is noticed at once. */
const POLL_MS = 50;

/** By way of a file (130 bytes a path, in tempDir, where sorting puts as much again): then this process need not fork for it. */
async function list(options: ScanOptions, messages: string, sorter: LineSorter): Promise<StageResult> {
  const command = findTree(options.root, messages, options.exclude);
  const listing = join(options.tempDir, 'find.listing');
  await removeFile(listing); // of a start that was cut off
  const pipeline = startPipeline([command], { stdoutFile: listing, ...(options.signal === undefined ? {} : { signal: options.signal }) });
  let open = false; // whether the last piece ended within a line
  for await (const piece of tailFile(listing, pipeline.done, POLL_MS)) {
    const chunk = Buffer.from(piece); // the tail's buffer is used again, the sorter keeps what it is given
    sorter.addBytes(chunk, countLines(chunk));
    open = chunk[chunk.length - 1] !== 0;
    await sorter.drain();
    options.onProgress?.(sorter.lines);
  }
  const [stage] = await pipeline.done;
  await removeFile(listing);
  if (stage === undefined || open) throw indexVoid(options.root, 'what find printed is cut off', '');
  return stage;
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(0); at !== -1; at = chunk.indexOf(0, at + 1)) lines += 1;
  return lines;
}

interface Accounted {
  readonly exceptions: IndexException[];
  readonly vanished: number;
  /** The first few that nobody has explained. */
  readonly unknown: string[];
}

async function account(messages: string, root: BytePath): Promise<Accounted> {
  const exceptions: IndexException[] = [];
  const unknown: string[] = [];
  let vanished = 0;
  for await (const message of readMessages(messages)) {
    if (message.kind === 'gone') vanished += 1;
    else if (message.kind === 'unknown') unknown.push(...(unknown.length < 10 ? [message.text] : []));
    else exceptions.push({ path: message.path, reason: 'could not be examined', detail: message.reason });
    if (exceptions.length > MAX_EXCEPTIONS) throw indexVoid(root, `more than ${MAX_EXCEPTIONS} paths could not be examined`, '');
  }
  return { exceptions, vanished, unknown };
}

/** The messages in the file find wrote to. */
async function* readMessages(file: string): AsyncGenerator<FindMessage, void> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'latin1') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseFindMessage(line);
  }
  if (rest !== '') yield { kind: 'unknown', text: rest };
}

/** Exit code 1 is what find ends with after any message; it is fine when all of them are understood. */
function judge(find: StageResult, found: Accounted, root: BytePath): void {
  const { code } = find.status;
  const own = found.exceptions.find((exception) => exception.path === '.');
  if (own !== undefined) throw unreadable(root, own.detail);
  if (found.unknown.length > 0) throw indexVoid(root, 'find said something that is not understood', found.unknown.join('\n'));
  const explained = found.vanished + found.exceptions.length > 0;
  if (code === 0 || (code === 1 && explained)) return;
  throw indexVoid(root, `find ended with ${describeStatus(find.status)}`, tailText(find.stderr));
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

function indexVoid(root: BytePath, why: string, detail: string): BwError {
  return new BwError('INDEX_VOID', {
    message: `the listing of the source is void: ${why}`,
    subject: showPath(root),
    retry: 'retry',
    hint: 'Nothing was planned on it. If it happens again, run find on the source by hand and look at the host (dmesg, mounts, memory).',
    ...(detail === '' ? {} : { detail }),
  });
}
