import { BwError } from '../errors/bw-error.js';
import { showPath, type BytePath } from '../paths/byte-path.js';
import { fromPathJson } from '../paths/path-json.js';
import type { RecordOf } from '../journal/record.js';
import { proposeFreeId } from './propose-id.js';

export interface BasepathRecord {
  readonly basepathId: string;
  readonly topdir: string;
  /** Absolute. */
  readonly path: BytePath;
  /** Decimal. */
  readonly rootInode: string;
  /** uid, decimal, or name: as the scan gives it. */
  readonly owner: string;
  readonly generation: number;
  /** ISO instant a scan found that the directory is gone; null while it is there. */
  readonly deletedAt: string | null;
}

/** A directory a scan found. */
export interface FoundBasepath {
  readonly topdir: string;
  /** Below topdir, without leading `/`. */
  readonly relativePath: BytePath;
  /** topdir and relativePath joined. */
  readonly path: BytePath;
  readonly rootInode: string;
  readonly owner: string;
}

/** known: nothing to write · new · returned: was seen deleted · changed: another root inode or owner at the same path. */
export type Finding = 'known' | 'new' | 'returned' | 'changed';

export type RegistryRecord = RecordOf<'basepath-assigned'> | RecordOf<'basepath-seen-deleted'>;

/** What the journal says about basepaths: pure, fed with records oldest first. One entry per basepath in memory. */
export class BasepathState {
  private readonly ids = new Map<string, BasepathRecord>();
  private readonly paths = new Map<BytePath, BasepathRecord>();
  /** Since when each is there without a gap, ms since the epoch. */
  private readonly found = new Map<string, number>();
  /** Records that gave one id to a second path (two writers, one clash): ignored, and named here. */
  readonly conflicts: BwError[] = [];

  byId(basepathId: string): BasepathRecord | undefined {
    return this.ids.get(basepathId);
  }

  byPath(path: BytePath): BasepathRecord | undefined {
    return this.paths.get(path);
  }

  all(): Iterable<BasepathRecord> {
    return this.ids.values();
  }

  foundMs(basepathId: string): number | null {
    return this.found.get(basepathId) ?? null;
  }

  /** Notes that a basepath is there; to be called before it is put. */
  noteFound(basepathId: string, atMs: number): void {
    const known = this.ids.get(basepathId);
    if (known === undefined || known.deletedAt !== null) this.found.set(basepathId, atMs);
  }

  apply(record: RegistryRecord): void {
    if (record.kind === 'basepath-assigned') {
      const { basepathId, topdir, rootInode, owner, generation } = record;
      this.noteFound(basepathId, Date.parse(record.at));
      this.put({ basepathId, topdir, path: fromPathJson(record.path), rootInode, owner, generation, deletedAt: null });
    } else {
      const known = this.ids.get(record.basepathId);
      if (known !== undefined) this.put({ ...known, deletedAt: record.at });
    }
  }

  /** Enters a basepath; false (and a conflict) where its id belongs to another path. */
  put(record: BasepathRecord): boolean {
    const owner = this.ids.get(record.basepathId);
    if (owner !== undefined && owner.path !== record.path) {
      this.conflicts.push(idConflict(record, owner));
      return false;
    }
    this.ids.set(record.basepathId, record);
    this.paths.set(record.path, record);
    return true;
  }

  /** Undoes a put whose record could not be written. */
  restore(record: BasepathRecord, before: BasepathRecord | undefined): void {
    if (before !== undefined) {
      this.put(before);
    } else {
      this.ids.delete(record.basepathId);
      this.paths.delete(record.path);
    }
  }

  /**
   * Which id a found directory has. The same path keeps its id, also with another root inode or owner: whether
   * that is a new generation is decided elsewhere, from the evidence the journal keeps.
   */
  decide(found: FoundBasepath): { readonly finding: Finding; readonly record: BasepathRecord } {
    const known = this.paths.get(found.path);
    const { topdir, path, rootInode, owner } = found;
    if (known === undefined) {
      const basepathId = proposeFreeId(topdir, found.relativePath, 1, (id) => this.ids.has(id));
      return { finding: 'new', record: { basepathId, topdir, path, rootInode, owner, generation: 1, deletedAt: null } };
    }
    const same = known.rootInode === rootInode && known.owner === owner && known.topdir === topdir;
    if (same && known.deletedAt === null) return { finding: 'known', record: known };
    return { finding: known.deletedAt === null ? 'changed' : 'returned', record: { ...known, topdir, rootInode, owner, deletedAt: null } };
  }
}

function idConflict(record: BasepathRecord, owner: BasepathRecord): BwError {
  return new BwError('BASEPATH_ID_CONFLICT', {
    message: `The journal gives the id ${record.basepathId} to two paths; the first one keeps it`,
    subject: showPath(record.path),
    detail: `first: ${showPath(owner.path)}`,
    retry: 'operator',
    hint: 'The next scan gives the second path an id of its own. Backups sealed for it under this id name their path in the manifest.',
  });
}
