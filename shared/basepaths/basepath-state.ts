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
  /** See FoundBasepath; null where the record is older than that. */
  readonly filesystem: string | null;
  /** Paths it had before it was renamed, the newest last. */
  readonly formerPaths: readonly BytePath[];
  /** ISO instant a scan found that the directory is gone, or is another one now; null while it is there. */
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
  /** What inode numbers are numbers of; stays the same over remounts. Absent = not known. */
  readonly filesystem?: string;
}

/**
 * known: nothing to write · new · returned: was seen deleted · changed: another root inode or owner, but also another filesystem (not mounted? moved?), which
 * the next backup refuses until an operator accepts it · reused: another directory of this name, which starts anew under an id of its own.
 */
export type Finding = 'known' | 'new' | 'returned' | 'changed' | 'reused';

export const REGISTRY_KINDS = ['basepath-assigned', 'basepath-seen-deleted', 'basepath-renamed'] as const;
export type RegistryRecord = RecordOf<(typeof REGISTRY_KINDS)[number]>;

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
    const known = this.ids.get(record.basepathId);
    if (record.kind === 'basepath-assigned') {
      const { basepathId, topdir, rootInode, owner, generation, filesystem = null } = record;
      this.noteFound(basepathId, Date.parse(record.at));
      this.put({ basepathId, topdir, path: fromPathJson(record.path), rootInode, owner, generation, filesystem, formerPaths: known?.formerPaths ?? [], deletedAt: null });
    } else if (known !== undefined && record.kind === 'basepath-seen-deleted') {
      this.put({ ...known, deletedAt: record.at });
    } else if (known !== undefined && record.kind === 'basepath-renamed') {
      const { topdir, rootInode, owner, filesystem = null } = record;
      this.noteFound(known.basepathId, Date.parse(record.at));
      this.rename(known, { topdir, path: fromPathJson(record.path), rootInode, owner, filesystem });
    }
  }

  /** Enters a basepath; false (and a conflict) where its id belongs to another path. */
  put(record: BasepathRecord): boolean {
    const owner = this.ids.get(record.basepathId);
    if (owner !== undefined && owner.path !== record.path) {
      // A producer that had not heard of the rename yet.
      if (!owner.formerPaths.includes(record.path)) this.conflicts.push(idConflict(record, owner));
      return false;
    }
    this.ids.set(record.basepathId, record);
    const atPath = this.paths.get(record.path);
    // A path is its newest generation's; what was said about older ones later does not change that.
    if (atPath === undefined || atPath.basepathId === record.basepathId || atPath.generation < record.generation) this.paths.set(record.path, record);
    return true;
  }

  /** The basepath is at another path from now on. */
  rename(known: BasepathRecord, to: Pick<BasepathRecord, 'topdir' | 'path' | 'rootInode' | 'owner' | 'filesystem'>): BasepathRecord {
    const formerPaths = known.path === to.path || known.formerPaths.includes(known.path) ? known.formerPaths : [...known.formerPaths, known.path];
    const record = { ...known, ...to, formerPaths, deletedAt: null };
    if (this.paths.get(known.path)?.basepathId === known.basepathId) this.paths.delete(known.path);
    this.ids.set(record.basepathId, record);
    this.paths.set(record.path, record);
    return record;
  }

  /** Gives back what is known now of an id and a path, for when a change could not be written. */
  undoOf({ basepathId, path }: Pick<BasepathRecord, 'basepathId' | 'path'>): () => void {
    const byId = this.ids.get(basepathId);
    const byPath = this.paths.get(path);
    const found = this.found.get(basepathId);
    return () => {
      setOrDelete(this.found, basepathId, found);
      setOrDelete(this.ids, basepathId, byId);
      setOrDelete(this.paths, path, byPath);
    };
  }

  /**
   * Which id a found directory has. Another root inode or owner on the same filesystem is another directory: it gets the next generation, and with it
   * an id of its own. On another filesystem (or where nobody knows) inode numbers say nothing: the id stays, and the next backup looks at the source.
   */
  decide(found: FoundBasepath): { readonly finding: Finding; readonly record: BasepathRecord } {
    const known = this.paths.get(found.path);
    const { topdir, path, rootInode, owner, filesystem = null } = found;
    const begin = (generation: number): BasepathRecord => {
      const basepathId = proposeFreeId(topdir, found.relativePath, generation, (id) => this.ids.has(id));
      return { basepathId, topdir, path, rootInode, owner, generation, filesystem, formerPaths: [], deletedAt: null };
    };
    if (known === undefined) return { finding: 'new', record: begin(1) };
    const sameDirectory = known.rootInode === rootInode && known.owner === owner;
    if (!sameDirectory && filesystem !== null && filesystem === known.filesystem) return { finding: 'reused', record: begin(known.generation + 1) };
    const nothingNew = sameDirectory && known.topdir === topdir && (known.filesystem !== null || filesystem === null);
    if (nothingNew && known.deletedAt === null) return { finding: 'known', record: known };
    // Of a directory that is the same, the filesystem it was first seen on counts: a snapshot may show another one each time.
    const kept = sameDirectory && known.filesystem !== null ? known.filesystem : filesystem;
    return { finding: known.deletedAt === null ? 'changed' : 'returned', record: { ...known, topdir, rootInode, owner, filesystem: kept, deletedAt: null } };
  }
}

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
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
