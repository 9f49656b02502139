import { readJournal, type JournalProblem, type RecordOf } from '../journal/index.js';
import { fromPathJson, type PathJson } from '../paths/path-json.js';

/** The newest restore into a directory. */
export interface RestoreOnRecord {
  readonly begun: RecordOf<'restore-begun'>;
  /** Null: it still runs, or its end was not seen. */
  readonly outcome: RecordOf<'restore-ended'>['outcome'] | null;
}

/** What the journal says of the newest restore into `target`; null: nothing. */
export async function restoreInto(journalDir: string, target: PathJson, onProblem: (problem: JournalProblem) => void): Promise<RestoreOnRecord | null> {
  const wanted = fromPathJson(target);
  const newest: { found: RestoreOnRecord | null } = { found: null };
  for await (const record of readJournal(journalDir, { kinds: ['restore-begun', 'restore-ended'], onProblem })) {
    if (fromPathJson(record.target) !== wanted) continue;
    if (record.kind === 'restore-begun') newest.found = { begun: record, outcome: null };
    else if (newest.found !== null && record.restoreId === newest.found.begun.restoreId) newest.found = { ...newest.found, outcome: record.outcome };
  }
  return newest.found;
}
