import { tmpdir } from 'node:os';
import { Cursor } from './cursor.js';
import type { LineFilter } from './line-filter.js';
import { LineSorter } from './line-sorter.js';
import type { BackupHistory} from './path-versions.js';
import { keyOfLine, type HistoryBackup } from './path-versions.js';
import { selectFromDifferences, selectLines } from './select-lines.js';

export interface IndexedBackup extends HistoryBackup {
  /** Its index, zstd-compressed. */
  readonly file: string;
}

/** What the indexes say of one path (of one type: what was a file and became a directory comes twice), by number of the backup. */
export interface FoundPath {
  readonly key: string;
  readonly lines: ReadonlyMap<number, string>;
}

const BATCH = 500;
const NUMBER_DIGITS = 6;

/**
 * What all backups of a basepath say of the wanted paths, in index order, in batches. Reads the index of each once: fulls side by side, all differences
 * with one program, sorted (`sort` keeps what exceeds some megabytes in files). May be left early. Throws INDEX_DAMAGED, SORT_FAILED.
 * `since`: leaves out most of what can have no news since the backup of this number.
 */
export async function* findVersions(history: BackupHistory<IndexedBackup>, filter: LineFilter, since = 0): AsyncGenerator<FoundPath[], void> {
  const fulls = history.backups.flatMap((backup, number) => (history.isFull(number) ? [{ ...backup, number }] : []));
  const sorter = await sortedDifferences(history, filter);
  const cursors = [await Cursor.open(sorter.sorted()), ...(await openFulls(fulls, filter))];
  const numbers = [null, ...fulls.map(({ number }) => number)];
  try {
    let batch: FoundPath[] = [];
    const [differences] = cursors;
    const news = history.newestFull < since && differences !== undefined;
    for (;;) {
      const key = news ? await nextDifference(differences, cursors) : leastKey(cursors);
      if (key === null) break;
      batch.push({ key, lines: await takeAll(cursors, numbers, key) });
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } finally {
    for (const cursor of cursors) await cursor.close();
    sorter.abandon();
  }
}

async function openFulls(fulls: readonly IndexedBackup[], filter: LineFilter): Promise<Cursor<string>[]> {
  const opened = await Promise.allSettled(fulls.map(({ file }) => Cursor.open(selectLines(file, filter))));
  const failed = opened.find((result) => result.status === 'rejected');
  const cursors = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (failed === undefined) return cursors;
  for (const cursor of cursors) await cursor.close();
  throw failed.reason;
}

/** Lines with the number of their backup behind them. */
async function sortedDifferences(history: BackupHistory<IndexedBackup>, filter: LineFilter): Promise<LineSorter> {
  const differences = history.backups.flatMap(({ file }, number) => (history.isFull(number) ? [] : [{ file, number }]));
  const sorter = new LineSorter({ tempDir: tmpdir() });
  for await (const lines of selectFromDifferences(differences.map(({ file }) => file), filter)) {
    for (const { line, file } of lines) sorter.add(`${line}${String(differences[file]?.number).padStart(NUMBER_DIGITS, '0')}`);
    await sorter.drain();
  }
  return sorter;
}

/** No key is the beginning of another: lines are ordered as their keys are. */
function leastKey(cursors: readonly Cursor<string>[]): string | null {
  let least: string | undefined;
  for (const { current } of cursors) if (current !== undefined && (least === undefined || current < least)) least = current;
  return least === undefined ? null : keyOfLine(least);
}

/** Of what no full says anything new only that counts of which a difference speaks: the others go on to there, line by line as fast as can be. */
async function nextDifference(differences: Cursor<string>, cursors: readonly Cursor<string>[]): Promise<string | null> {
  if (differences.current === undefined) return null;
  const key = keyOfLine(differences.current);
  for (const cursor of cursors) {
    while (cursor.current !== undefined && cursor.current < key) {
      const moved = cursor.advance();
      if (moved !== undefined) await moved;
    }
  }
  return key;
}

/** Without a promise for most of a million lines. */
async function takeAll(cursors: readonly Cursor<string>[], numbers: readonly (number | null)[], key: string): Promise<Map<number, string>> {
  const lines = new Map<number, string>();
  for (let i = 0; i < cursors.length; i++) {
    const cursor = cursors[i] as Cursor<string>;
    for (let line = cursor.current; line?.startsWith(key) === true; line = cursor.current) {
      const number = numbers[i] ?? Number(line.slice(-NUMBER_DIGITS));
      lines.set(number, numbers[i] === null ? line.slice(0, -NUMBER_DIGITS) : line);
      const moved = cursor.advance();
      if (moved !== undefined) await moved;
    }
  }
  return lines;
}
