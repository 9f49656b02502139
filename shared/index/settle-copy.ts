import type { BytePath } from '../paths/byte-path.js';
import { settled } from './classify.js';
import { compareEntry } from './compare-entry.js';
import { formatRecord } from './format.js';
import { joinEntries, removeParents } from './join-entries.js';
import { LineSorter } from './line-sorter.js';
import { LineWriter, readCompleteLines } from './line-file.js';
import { recordPath, type IndexRecord } from './record.js';
import { entryLine, type SavedEntry } from './saved-entry.js';

export interface CopyRequest {
  /** Complete and sorted: what the copy was to take. */
  readonly recordsFile: string;
  /** Its catalogue, in any order. */
  readonly entries: AsyncIterable<readonly SavedEntry[]>;
  readonly archiveKey: string;
  /** Gets the records as they go into the index. */
  readonly settledFile: string;
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

export interface CopyResult {
  readonly saved: number;
  /** Paths the copy lacks or has in another state. */
  readonly wrong: readonly BytePath[];
  /** Paths it has beside those that were listed and the directories that lead to them. */
  readonly extra: readonly BytePath[];
}

/** Named in errors; extra paths are needed all, to be left out of a second copy. */
const MAX_NAMED = 10_000;

/** Proves that an archive that was copied from another one through a list holds just that list: nothing here can have changed meanwhile. */
export async function settleCopy(request: CopyRequest): Promise<CopyResult> {
  const out = await LineWriter.create(request.settledFile);
  const wrong: BytePath[] = [];
  const passages = new Set<BytePath>();
  const extra: BytePath[] = [];
  const settle = (record: IndexRecord): void => { out.add(formatRecord(settled(record, request.archiveKey, record.flags.replace(/[ut]/g, '')))); };
  try {
    await joinEntries(readCompleteLines(request.recordsFile), entryLines(request), {
      saved: settle,
      savedPlain: () => undefined, // only lines without an archive are plain, and these name one
      mismatch: ({ record, entry, path }) => {
        if (record !== null && entry !== null && isAsHeld(record, entry.dirty, compareEntry(record, entry))) settle(record);
        else if (record !== null) wrong.push(...(wrong.length < MAX_NAMED ? [recordPath(record)] : []));
        else if (entry?.type === 'd' && entry.stored) passages.add(path);
        else if (extra.length < MAX_NAMED) extra.push(path);
        return undefined;
      },
      drain: () => out.drain(),
    });
    if (passages.size > 0) await removeParents(readCompleteLines(request.recordsFile), passages);
    const saved = out.lines;
    await out.end();
    return { saved, wrong, extra: [...extra, ...passages] };
  } finally {
    await out.close();
  }
}

/** A flagged record may describe more than the archive holds; what was dirty stays dirty. */
function isAsHeld(record: IndexRecord, dirty: boolean, comparison: string): boolean {
  return /[xc]/.test(record.flags) || (dirty && comparison === 'dirty');
}

async function* entryLines({ entries, tempDir, signal }: CopyRequest): AsyncGenerator<string[], void> {
  const sorter = new LineSorter({ tempDir, signal });
  try {
    for await (const batch of entries) {
      for (const entry of batch) sorter.add(entryLine(entry));
      await sorter.drain();
    }
    yield* sorter.sorted();
  } finally {
    sorter.abandon();
  }
}
