import { bytePath } from '../paths/byte-path.js';
import type { BytePath } from '../paths/byte-path.js';
import type { Mismatch } from './classify.js';
import { compareEntry } from './compare-entry.js';
import { Cursor } from './cursor.js';
import { keyLength, parseRecord, pathOfLine } from './format.js';
import type { IndexRecord } from './record.js';
import { parseEntry } from './saved-entry.js';

export interface JoinSink {
  /** The archive holds what the record says. Called in index order. */
  readonly saved: (record: IndexRecord, line: string) => void;
  /** The same for an ordinary file without flags, whose line was never taken apart. */
  readonly savedPlain: (line: string) => void;
  /** Also in index order, but batches of mismatches wait for their examination. */
  readonly mismatch: (mismatch: Mismatch) => Promise<void> | undefined;
  /** Called now and then, so that what was collected can be written. */
  readonly drain: () => Promise<void>;
}

const DRAIN_EVERY = 2000;

/** Compares record lines with entry lines, both in index order, both ways. */
export async function joinEntries(records: AsyncIterable<string[]>, entries: AsyncIterable<string[]>, sink: JoinSink): Promise<void> {
  const left = await Cursor.open(records);
  const right = await Cursor.open(entries);
  for (let steps = 1; left.current !== undefined || right.current !== undefined; steps += 1) {
    const moved = step(left, right, sink);
    if (moved !== undefined) await moved;
    if (steps % DRAIN_EVERY === 0) await sink.drain();
  }
}

/** One record, one entry, or one of both. Promises are rare, so they are passed on, not made. */
function step(left: Cursor<string>, right: Cursor<string>, sink: JoinSink): Promise<void> | undefined {
  const line = left.current;
  const entryLine = right.current;
  const length = entryLine === undefined ? 0 : keyLength(entryLine);
  if (line !== undefined && entryLine !== undefined && line.startsWith(entryLine.slice(0, length))) {
    return both(matchPair(line, entryLine, length, sink), left.advance(), right.advance());
  }
  // No key is the beginning of another, so comparing the lines compares the keys.
  if (entryLine === undefined || (line !== undefined && line < entryLine)) {
    const record = parseRecord(line as string);
    return both(sink.mismatch({ path: pathOfLine(line as string), record, entry: null, comparison: 'missing' }), left.advance(), undefined);
  }
  const entry = parseEntry(entryLine, length);
  return both(sink.mismatch({ path: pathOfLine(entryLine), record: null, entry, comparison: 'unlisted' }), undefined, right.advance());
}

function matchPair(line: string, entryLine: string, length: number, sink: JoinSink): Promise<void> | undefined {
  if (isPlainMatch(line, entryLine, length)) {
    sink.savedPlain(line);
    return undefined;
  }
  const record = parseRecord(line);
  const entry = parseEntry(entryLine, length);
  const comparison = compareEntry(record, entry);
  if (comparison !== 'same') return sink.mismatch({ path: pathOfLine(line), record, entry, comparison });
  sink.saved(record, line);
  return undefined;
}

/**
 * The common case, on the text alone: the line of a regular file without flags, `KEYf SIZE SECONDS.x SECONDS.x ... - -`, and
 * the same `KEYf SIZE SECONDS SECONDS -` of the entry. Anything unusual is no match here and is looked at closely.
 */
function isPlainMatch(line: string, entryLine: string, length: number): boolean {
  if (line.charCodeAt(length) !== REGULAR || !line.endsWith(UNSAVED)) return false;
  const mtimeEnd = line.indexOf('.', length);
  const ctime = line.indexOf(' ', mtimeEnd) + 1;
  const ctimeEnd = line.indexOf('.', ctime);
  if (mtimeEnd === -1 || ctimeEnd === -1 || line.charCodeAt(line.indexOf(' ', length + 2) + 1) === MINUS) return false;
  return entryLine.startsWith(line.slice(0, mtimeEnd)) && entryLine.slice(mtimeEnd) === ` ${line.slice(ctime, ctimeEnd)} -`;
}

const REGULAR = 'f'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
/** Flags and archive of a record as it was planned. */
const UNSAVED = ' - -';

function both(...promises: readonly (Promise<void> | undefined)[]): Promise<void> | undefined {
  const waiting = promises.filter((promise) => promise !== undefined);
  return waiting.length === 0 ? undefined : Promise.all(waiting).then(() => undefined);
}

/** Takes every directory that leads to a path of `records`, or is listed there as something else, out of `directories`. */
export async function removeParents(records: AsyncIterable<string[]>, directories: Set<BytePath>): Promise<void> {
  let last = '';
  for await (const lines of records) {
    for (const line of lines) {
      directories.delete(pathOfLine(line));
      const end = line.indexOf('//');
      if (end === last.length && line.startsWith(last)) continue;
      last = line.slice(0, end);
      for (let cut = end; cut > 1; cut = line.lastIndexOf('/', cut - 1)) directories.delete(bytePath.of(line.slice(2, cut)));
    }
    if (directories.size === 0) return;
  }
}
