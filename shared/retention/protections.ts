import { JournalTail, readJournal, type JournalProblem, type RecordOf } from '../journal/index.js';

const KINDS = ['held', 'released', 'accepted', 'undeleted'] as const;

export type ProtectionRecord = RecordOf<(typeof KINDS)[number]>;

/** What operators decided about removals: pure, fed with records oldest first. Memory grows with what is in force. */
export class Protections {
  /** Reason of the hold on a whole basepath, by its id. */
  readonly basepaths = new Map<string, string>();
  /** Reason of the hold on one backup, by its id. */
  readonly backups = new Map<string, string>();
  /** Shrunk backups that are as they should be. */
  readonly accepted = new Set<string>();
  /** Backups that were brought back, and when (ms since the epoch). */
  readonly undeletedAtMs = new Map<string, number>();

  apply(record: ProtectionRecord): void {
    if (record.kind === 'accepted') this.accepted.add(record.backupId);
    else if (record.kind === 'undeleted') this.undeletedAtMs.set(record.backupId, Date.parse(record.at));
    else this.applyHold(record);
  }

  /** Reason of the hold that protects a backup, or null. */
  holdOf(basepathId: string, backupId: string): string | null {
    return this.basepaths.get(basepathId) ?? this.backups.get(backupId) ?? null;
  }

  private applyHold({ kind, basepathId, backupId, reason }: RecordOf<'held' | 'released'>): void {
    const [map, id] = backupId === null ? [this.basepaths, basepathId] : [this.backups, backupId];
    if (kind === 'held') map.set(id, reason);
    else map.delete(id);
  }
}

/** Protections for who asks again and again: after the first time only what the journal has got since is read. */
export class ProtectionsReader {
  readonly #tail: JournalTail<(typeof KINDS)[number]>;

  constructor(dir: string, onProblem: (problem: JournalProblem) => void) {
    this.#tail = new JournalTail(dir, { kinds: KINDS, onProblem });
  }

  /** With all that was on record when this was called. */
  async read(): Promise<Protections> {
    const protections = new Protections();
    for (const record of await this.#tail.read()) protections.apply(record);
    return protections;
  }
}

/** From the journal in `dir`; lines that cannot be used go to `onProblem`. */
export async function readProtections(dir: string, onProblem: (problem: JournalProblem) => void): Promise<Protections> {
  const protections = new Protections();
  for await (const record of readJournal(dir, { kinds: KINDS, onProblem })) protections.apply(record);
  return protections;
}
