import type { JournalEntry, JournalProblem, Journal } from '../journal/index.js';
import { readJournal } from '../journal/index.js';
import type { BytePath } from '../paths/byte-path.js';
import { toPathJson } from '../paths/path-json.js';
import type { BwError } from '../errors/bw-error.js';
import { BasepathState, REGISTRY_KINDS, type BasepathRecord, type Finding, type FoundBasepath, type RegistryRecord } from './basepath-state.js';

export interface Assigned {
  readonly finding: Finding;
  readonly record: BasepathRecord;
}

/** Builds the registry from the journal in `dir`; lines that cannot be used go to `onProblem`. */
export async function readBasepaths(dir: string, onProblem: (problem: JournalProblem) => void): Promise<BasepathRegistry> {
  return BasepathRegistry.fromRecords(readJournal(dir, { kinds: REGISTRY_KINDS, onProblem }));
}

/** The same as it was at an instant, ms since the epoch: what was gone then is, what went later is there. */
export async function readBasepathsAt(dir: string, atMs: number, onProblem: (problem: JournalProblem) => void): Promise<BasepathRegistry> {
  const until = async function* (): AsyncGenerator<RegistryRecord> {
    for await (const record of readJournal(dir, { kinds: REGISTRY_KINDS, onProblem })) if (Date.parse(record.at) <= atMs) yield record;
  };
  return BasepathRegistry.fromRecords(until());
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

  /** What others wrote since `sinceMs` (ms since the epoch): a command may have renamed a basepath. Read to its end before any of it counts. */
  refresh(dir: string, sinceMs: number, onProblem: (problem: JournalProblem) => void): Promise<void> {
    return this.inTurn(async () => {
      const records: RegistryRecord[] = [];
      for await (const record of readJournal(dir, { kinds: REGISTRY_KINDS, sinceMs, onProblem })) records.push(record);
      for (const record of records) this.state.apply(record);
    });
  }

  /** See assignAll. */
  async assign(found: FoundBasepath, journal: Journal): Promise<Assigned> {
    const [assigned] = await this.assignAll([found], journal);
    return assigned as Assigned;
  }

  /** Ids of found directories, in their order, with one write for all that is new. Throws what Journal.appendAll throws; then nothing is assigned. */
  assignAll(found: readonly FoundBasepath[], journal: Journal, at: Date = new Date()): Promise<Assigned[]> {
    return this.inTurn(() => this.assignNow(found, at, journal));
  }

  /** Puts on record that these basepaths are gone; those already known to be gone, or unknown, are left out. Returns the ids written. */
  markDeleted(basepathIds: readonly string[], at: Date, journal: Journal): Promise<string[]> {
    return this.inTurn(() => this.markNow(basepathIds, at, journal));
  }

  /**
   * The basepath `old` is at the path of `found` from now on; the id that a scan gave to that path is retired, as if its directory were gone.
   * Both must be records of this registry.
   */
  rename(old: BasepathRecord, found: BasepathRecord, at: Date, journal: Journal, by: { readonly user?: string }): Promise<BasepathRecord> {
    return this.inTurn(async () => {
      const undo = [this.state.undoOf(old), this.state.undoOf(found)];
      const { topdir, path, rootInode, owner, filesystem } = found;
      this.state.put({ ...found, deletedAt: at.toISOString() });
      this.state.noteFound(old.basepathId, at.getTime());
      const renamed = this.state.rename(old, { topdir, path, rootInode, owner, filesystem });
      const entry = { kind: 'basepath-renamed' as const, basepathId: old.basepathId, topdir, from: toPathJson(old.path), path: toPathJson(path), rootInode, owner, ...known(filesystem), ...by };
      await this.write([deletedEntry(found), entry], journal, undo);
      return renamed;
    });
  }

  private async assignNow(found: readonly FoundBasepath[], at: Date, journal: Journal): Promise<Assigned[]> {
    const undo: (() => void)[] = [];
    const entries: JournalEntry[] = [];
    const assigned = found.map((each) => {
      const decided = this.state.decide(each);
      if (decided.finding === 'known') return decided;
      const before = this.state.byPath(each.path);
      if (decided.finding === 'reused' && before !== undefined && before.deletedAt === null) {
        undo.unshift(this.state.undoOf(before));
        this.state.put({ ...before, deletedAt: at.toISOString() });
        entries.push(deletedEntry(before));
      }
      undo.unshift(this.state.undoOf(decided.record));
      this.state.noteFound(decided.record.basepathId, at.getTime());
      this.state.put(decided.record);
      entries.push(assignedEntry(decided.record));
      return decided;
    });
    await this.write(entries, journal, undo);
    return assigned;
  }

  private async markNow(basepathIds: readonly string[], at: Date, journal: Journal): Promise<string[]> {
    const gone = basepathIds.flatMap((id) => this.state.byId(id) ?? []).filter((record) => record.deletedAt === null);
    const undo = gone.map((record) => this.state.undoOf(record));
    for (const record of gone) this.state.put({ ...record, deletedAt: at.toISOString() });
    await this.write(gone.map(deletedEntry), journal, undo);
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

function assignedEntry({ basepathId, topdir, path, rootInode, owner, generation, filesystem }: BasepathRecord): JournalEntry {
  return { kind: 'basepath-assigned', basepathId, topdir, path: toPathJson(path), rootInode, owner, generation, ...known(filesystem) };
}

function deletedEntry({ basepathId, path }: BasepathRecord): JournalEntry {
  return { kind: 'basepath-seen-deleted', basepathId, path: toPathJson(path) };
}

function known(filesystem: string | null): { filesystem?: string } {
  return filesystem === null ? {} : { filesystem };
}
