import { rename } from 'node:fs/promises';
import { Cursor } from './cursor.js';
import { keyLength } from './format.js';
import { LineWriter, readCompleteLines } from './line-file.js';
import { isTombstone } from './tombstone.js';

/** A sorted, complete file of settled records. */
export interface SettledFile {
  readonly file: string;
  readonly records: number;
  /** Of them, those whose state an archive holds (without flag x). */
  readonly saved: number;
  /** Somebody else's too: it stays where it is. */
  readonly shared?: boolean;
}

/**
 * Merges files into `target`, complete and sorted; of several lines of one path that of the latest file is taken. One file that
 * alone holds anything is only renamed. `tombstones`: whether the target may hold any. Returns what the target holds.
 */
export async function mergeNewest(files: readonly SettledFile[], target: string, { tombstones }: { readonly tombstones: boolean }): Promise<Pick<SettledFile, 'records' | 'saved'>> {
  const filled = files.filter((file) => file.records > 0);
  const only = filled.length === 1 ? filled[0] : undefined;
  if (only !== undefined && only.shared !== true) {
    await rename(only.file, target);
    return only;
  }
  const out = await LineWriter.create(target);
  try {
    const saved = await mergeLatest(filled.map(({ file }) => file), out, tombstones);
    await out.end();
    return { records: out.lines, saved };
  } finally {
    await out.close();
  }
}

/** Writes the lines of complete, sorted files to `out` in order; of several with one key that of the latest file. Returns the number of records whose state an archive holds. */
export async function mergeLatest(files: readonly string[], out: LineWriter, tombstones = true): Promise<number> {
  const sources = await Promise.all(files.map((file) => Cursor.open(readCompleteLines(file))));
  let saved = 0;
  for (let line = smallest(sources); line !== undefined; line = smallest(sources)) {
    const key = line.slice(0, keyLength(line));
    let newest = line;
    for (const source of sources) {
      if (source.current?.startsWith(key) !== true) continue;
      newest = source.current;
      const moved = source.advance();
      if (moved === undefined) continue;
      await moved;
      await out.drain();
    }
    const gone = isTombstone(newest, key.length);
    if (!gone || tombstones) out.add(newest);
    if (!gone && !hasLost(newest)) saved += 1;
    if (out.lines % 2000 === 0) await out.drain();
  }
  return saved;
}

function smallest(sources: readonly Cursor<string>[]): string | undefined {
  let least: string | undefined;
  for (const { current } of sources) if (current !== undefined && (least === undefined || current < least)) least = current;
  return least;
}

/** Whether the flags of a record line, its last field but one, say that no archive holds this state. */
function hasLost(line: string): boolean {
  const end = line.lastIndexOf(' ');
  return line.slice(line.lastIndexOf(' ', end - 1) + 1, end).includes('x');
}
