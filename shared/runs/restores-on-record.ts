import { readJournal, type JournalProblem, type RecordOf } from '../journal/index.js';
import type { BytePath } from '../paths/byte-path.js';
import { fromPathJson, type PathJson } from '../paths/path-json.js';

/** The newest restore into a directory. */
export interface RestoreOnRecord {
  readonly begun: RecordOf<'restore-begun'>;
  /** Null: it still runs, or its end was not seen. */
  readonly outcome: RecordOf<'restore-ended'>['outcome'] | null;
  /** Of the archives it read, once it has ended. */
  readonly bytes: string;
}

/** What the journal says of the newest restore into `target`; null: nothing. */
export async function restoreInto(journalDir: string, target: PathJson, onProblem: (problem: JournalProblem) => void): Promise<RestoreOnRecord | null> {
  const wanted = fromPathJson(target);
  return (await restoresInto(journalDir, (path) => path === wanted, onProblem)).get(wanted) ?? null;
}

/** The same of many directories, by directory, in one reading. */
export async function restoresInto(journalDir: string, isWanted: (target: BytePath) => boolean, onProblem: (problem: JournalProblem) => void): Promise<Map<BytePath, RestoreOnRecord>> {
  const newest = new Map<BytePath, RestoreOnRecord>();
  for await (const record of readJournal(journalDir, { kinds: ['restore-begun', 'restore-ended'], onProblem })) {
    const target = fromPathJson(record.target);
    if (!isWanted(target)) continue;
    const found = newest.get(target);
    if (record.kind === 'restore-begun') newest.set(target, { begun: record, outcome: null, bytes: '0' });
    else if (found?.begun.restoreId === record.restoreId) newest.set(target, { ...found, outcome: record.outcome, bytes: record.bytes });
  }
  return newest;
}
