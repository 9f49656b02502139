import type { JournalEntry, JournalProblem, Journal } from '../journal/index.js';
import { readJournal } from '../journal/index.js';
import type { BytePath } from '../paths/byte-path.js';
import { toPathJson } from '../paths/path-json.js';
import type { BwError } from '../errors/bw-error.js';
import { BasepathState, type BasepathRecord, type Finding, type FoundBasepath, type RegistryRecord } from './basepath-state.js';

export interface Assigned {
  readonly finding: Finding;
  readonly record: BasepathRecord;
}

/** Builds the registry from the journal in `dir`; lines that cannot be used go to `onProblem`. */
export async function readBasepaths(dir: string, onProblem: (problem: JournalProblem) => void): Promise<BasepathRegistry> {
  return BasepathRegistry.fromRecords(readJournal(dir, { kinds: ['basepath-assigned', 'basepath-seen-deleted'], onProblem }));
}

/**
 * Which directory has which id. Every change is in the journal before it is returned. Ids follow from paths, so two
 * producers at once write the same record twice, which is harmless.
 */
export class BasepathRegistry {
  private readonly state = new BasepathState();
  /** Changes one after the other, so that none is seen before it is in the journal. */
  private last: Promise<unknown> = Promise.resolve();

  static async fromRecords(records: AsyncIterable<RegistryRecord> | Iterable<RegistryRecord>): Promise<BasepathRegistry> {
    const registry = new BasepathRegistry();
    for await (const record of records) registry.state.apply(record);
    return registry;
  }

  byPath(path: BytePath): BasepathRecord | undefined {
    return this.state.byPath(path);
  }

  byId(basepathId: string): BasepathRecord | undefined {
    return this.state.byId(basepathId);
  }

  all(): Iterable<BasepathRecord> {
    return this.state.all();
  }

  /** Those of a topdir that the last scan found. */
  presentIn(topdir: string): BasepathRecord[] {
    return [...this.state.all()].filter((record) => record.topdir === topdir && record.deletedAt === null);
  }

  /** Since when a basepath is there without a gap, ms since the epoch; null for one that is not known. */
  foundMs(basepathId: string): number | null {
    return this.state.foundMs(basepathId);
  }

  /** Ids the journal gives to two paths. */
  get conflicts(): readonly BwError[] {
    return this.state.conflicts;
  }

  /** See assignAll. */
  async assign(found: FoundBasepath, journal: Journal): Promise<Assigned> {
    const [assigned] = await this.assignAll([found], journal);
    return assigned as Assigned;
  }

  /** Ids of found directories, in their order, with one write for all that is new. Throws what Journal.appendAll throws; then nothing is assigned. */
  assignAll(found: readonly FoundBasepath[], journal: Journal): Promise<Assigned[]> {
    return this.inTurn(() => this.assignNow(found, journal));
  }

  /** Puts on record that these basepaths are gone; those already known to be gone, or unknown, are left out. Returns the ids written. */
  markDeleted(basepathIds: readonly string[], at: Date, journal: Journal): Promise<string[]> {
    return this.inTurn(() => this.markNow(basepathIds, at, journal));
  }

  private async assignNow(found: readonly FoundBasepath[], journal: Journal): Promise<Assigned[]> {
    const undo: (() => void)[] = [];
    const assigned = found.map((each) => {
      const decided = this.state.decide(each);
      const before = this.state.byPath(each.path);
      if (decided.finding !== 'known') {
        this.state.noteFound(decided.record.basepathId, Date.now());
        this.state.put(decided.record);
        undo.unshift(() => { this.state.restore(decided.record, before); });
      }
      return decided;
    });
    await this.write(assigned.filter((each) => each.finding !== 'known').map((each) => assignedEntry(each.record)), journal, undo);
    return assigned;
  }

  private async markNow(basepathIds: readonly string[], at: Date, journal: Journal): Promise<string[]> {
    const undo: (() => void)[] = [];
    const gone = basepathIds.flatMap((id) => this.state.byId(id) ?? []).filter((record) => record.deletedAt === null);
    for (const record of gone) {
      this.state.put({ ...record, deletedAt: at.toISOString() });
      undo.unshift(() => { this.state.restore(record, record); });
    }
    const entries = gone.map(({ basepathId, path }) => ({ kind: 'basepath-seen-deleted' as const, basepathId, path: toPathJson(path) }));
    await this.write(entries, journal, undo);
    return gone.map((record) => record.basepathId);
  }

  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.last.then(change);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async write(entries: readonly JournalEntry[], journal: Journal, undo: readonly (() => void)[]): Promise<void> {
    try {
      await journal.appendAll(entries);
    } catch (thrown) {
      for (const each of undo) each();
      throw thrown;
    }
  }
}

function assignedEntry({ basepathId, topdir, path, rootInode, owner, generation }: BasepathRecord): JournalEntry {
  return { kind: 'basepath-assigned', basepathId, topdir, path: toPathJson(path), rootInode, owner, generation };
}
