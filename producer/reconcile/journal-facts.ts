import { readBasepaths } from '../../shared/basepaths/index.js';
import { settles } from '../../shared/dead-letters/dead-letter.js';
import { lettersFromJournal } from '../../shared/dead-letters/from-journal.js';
import { readJournal, type RecordOf } from '../../shared/journal/index.js';
import { openFailures } from '../../shared/runs/failures.js';
import type { JournalFacts } from './decide-basepath.js';

const KINDS = ['attempt-started', 'attempt-ended', 'sealed', 'removed', 'undeleted', 'erased', 'dismissed'] as const;
type Told = RecordOf<(typeof KINDS)[number]>;

/** What the journal says of these basepaths, in one pass: what is kept is as much as they have backups on record. */
export async function journalFactsOf(journalDir: string, basepathIds: ReadonlySet<string>): Promise<Map<string, JournalFacts>> {
  const told = new Map<string, Told[]>();
  for await (const record of readJournal(journalDir, { kinds: KINDS, onProblem: () => undefined })) {
    if (!basepathIds.has(record.basepathId)) continue;
    const own = told.get(record.basepathId);
    if (own === undefined) told.set(record.basepathId, [record]);
    else own.push(record);
  }
  const basepaths = await readBasepaths(journalDir, () => undefined);
  const facts = new Map<string, JournalFacts>();
  for (const id of basepathIds) facts.set(id, await factsOf(told.get(id) ?? [], basepaths));
  return facts;
}

async function factsOf(records: readonly Told[], basepaths: Parameters<typeof lettersFromJournal>[1]): Promise<JournalFacts> {
  const idsOf = (...kinds: readonly Told['kind'][]): Set<string> => new Set(records.filter(({ kind }) => kinds.includes(kind)).map(({ backupId }) => backupId));
  const ends = records.filter((record) => record.kind === 'attempt-ended');
  const failures = await openFailures(ends);
  return {
    started: idsOf('attempt-started'),
    ended: new Set(ends.filter(({ outcome }) => outcome !== 'interrupted').map(({ backupId }) => backupId)),
    sealed: idsOf('sealed'),
    removed: idsOf('removed', 'erased'),
    lastFailureMs: Math.max(0, ...ends.filter(({ outcome }) => outcome === 'failed').map(({ endedAt }) => Date.parse(endedAt))),
    failures: [...failures.values()][0] ?? null,
    open: await lettersFromJournal(records.filter((record) => record.kind === 'attempt-ended' || record.kind === 'dismissed'), basepaths),
    settled: settledBy(ends),
  };
}

/** Failures that a later success made good. */
function settledBy(ends: readonly RecordOf<'attempt-ended'>[]): Set<string> {
  const open: RecordOf<'attempt-ended'>[] = [];
  const settled = new Set<string>();
  for (const end of ends) {
    if (end.outcome === 'failed') open.push(end);
    else if (end.outcome !== 'interrupted') for (const failed of open) if (settles(end.level, end.basepathId, { ...failed, kind: 'backup' })) settled.add(failed.backupId);
  }
  return settled;
}
