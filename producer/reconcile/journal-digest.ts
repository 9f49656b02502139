import type { RecordOf } from '../../shared/journal/index.js';
import { readJournal } from '../../shared/journal/index.js';

export interface AttemptOnRecord {
  readonly started: RecordOf<'attempt-started'>;
  /** It ended, or sealed. */
  readonly ended: boolean;
}

/** What the journal says of these backups: an attempt is on record before its work directory is made. */
export async function attemptsOf(journalDir: string, backupIds: ReadonlySet<string>): Promise<Map<string, AttemptOnRecord>> {
  const found = new Map<string, { started: RecordOf<'attempt-started'>; ended: boolean }>();
  if (backupIds.size === 0) return found;
  const kinds = ['attempt-started', 'attempt-ended', 'sealed'] as const;
  for await (const record of readJournal(journalDir, { kinds, onProblem: () => undefined })) {
    const known = found.get(record.backupId);
    if (record.kind !== 'attempt-started') {
      if (known !== undefined) known.ended = true;
    } else if (known === undefined && backupIds.has(record.backupId)) found.set(record.backupId, { started: record, ended: false });
  }
  return found;
}
