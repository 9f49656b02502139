import { readJournal, type JournalProblem, type RecordOf } from '../journal/index.js';

export interface TopdirRestoreOnRecord {
  /** Of its first start; later ones go on with it. */
  readonly begun: RecordOf<'topdir-restore-begun'>;
  /** Null: it runs, or its end was not seen. */
  readonly ended: RecordOf<'topdir-restore-ended'> | null;
}

/** What the journal says of all restores of topdirs, those that began last at the end. */
export async function topdirRestores(journalDir: string, onProblem: (problem: JournalProblem) => void): Promise<TopdirRestoreOnRecord[]> {
  const known = new Map<string, TopdirRestoreOnRecord>();
  for await (const record of readJournal(journalDir, { kinds: ['topdir-restore-begun', 'topdir-restore-ended'], onProblem })) {
    const before = known.get(record.topdirRestoreId);
    if (record.kind === 'topdir-restore-begun') known.set(record.topdirRestoreId, { begun: before?.begun ?? record, ended: null });
    else if (before !== undefined) known.set(record.topdirRestoreId, { ...before, ended: record });
  }
  return [...known.values()];
}

/** How long one that was cut off is told of, ms: later nobody goes on with it. */
const TOLD_MS = 30 * 86_400_000;

/** Those that were cut off, by a crash or their operator, and that nobody has gone on with (pure). `seen`: ids of those that somebody does, or that are known to wait. */
export function cutOff(restores: readonly TopdirRestoreOnRecord[], seen: ReadonlySet<string>, nowMs: number): TopdirRestoreOnRecord[] {
  return restores.filter(({ begun, ended }) => {
    const isOpen = ended === null || ended.outcome === 'interrupted';
    const isNewest = newestInto(restores, begun.topdir, begun.target)?.begun.topdirRestoreId === begun.topdirRestoreId;
    return isOpen && isNewest && !seen.has(begun.topdirRestoreId) && nowMs - Date.parse(begun.at) < TOLD_MS;
  });
}

/** The newest one of a topdir into a directory (pure); null: none. */
export function newestInto(restores: readonly TopdirRestoreOnRecord[], topdir: string, target: string): TopdirRestoreOnRecord | null {
  return restores.findLast(({ begun }) => begun.topdir === topdir && begun.target === target) ?? null;
}
