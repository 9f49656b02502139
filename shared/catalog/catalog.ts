import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BwError } from '../errors/bw-error.js';
import { bringBackJournal, bringBackRemoved } from './bring-back.js';
import { chainOf } from './chain.js';
import { addCopyRecord, readCopyRecords, type CopyRecord } from './copies.js';
import { isTemporaryName, realDisk, type Disk } from './disk.js';
import { ensureDir } from './durable.js';
import { catalogLayout, isCopyRecordName, isStoredName, MANIFEST_FILE, TOMBSTONES, type Layout } from './layout.js';
import { findBackup, findRemoved, listBackups, listBasepathIds, namesIn, readBuried, readManifest, tombstoneIn, type BackupIds, type ListedBackup } from './listing.js';
import { damaged, storedFiles } from './manifest-codec.js';
import type { Manifest, StoredFile } from './manifest.js';
import { seal, type SealRequest, type SealResult } from './seal.js';
import { isStamped, missingCatalog, writeStamp } from './stamp.js';
import { checkStoredFile, type FileProblem } from './stored-file.js';
import { sweepOne, sweepUnsealed, type SweepOptions, type SweepReport } from './sweep.js';
import { Graveyard, listRemoved, type RemovedBackup } from './tombstone.js';
import { WorkArea, type WorkDir, type WorkEntry } from './work-area.js';

export interface CatalogOptions {
  /**
   * Make the catalog where there is none (default true). Daemons pass false: an empty directory then is
   * CATALOG_MISSING, most likely a filesystem that is not mounted, and not a site without backups.
   */
  readonly create?: boolean;
  /** Replaced by tests. */
  readonly disk?: Disk;
}

/**
 * Opens the directory of sealed backups.
 * @throws CATALOG_MISSING (operator) not there and not to be created · CATALOG_FOREIGN (operator) newer format ·
 *   CATALOG_DAMAGED (operator) its stamp cannot be read
 */
export async function openCatalog(dir: string, options: CatalogOptions = {}): Promise<Catalog> {
  const disk = options.disk ?? realDisk;
  const layout = catalogLayout(dir);
  const stamped = await isStamped(layout.root);
  if (!stamped && options.create === false) throw missingCatalog(dir);
  for (const path of [layout.backups, layout.work, layout.journal]) await ensureDir(path, disk);
  if (!stamped) await writeStamp(layout.root, disk);
  return new Catalog(layout, disk);
}

/** Sealed backups and the work area of those that run. All methods may be called concurrently, from any host. */
export class Catalog {
  private readonly work: WorkArea;
  /** Removing backups: tombstones, undelete, erasure. */
  readonly graves: Graveyard;

  constructor(
    private readonly layout: Layout,
    private readonly disk: Disk,
  ) {
    this.work = new WorkArea(layout);
    this.graves = new Graveyard(layout, disk);
  }

  get root(): string {
    return this.layout.root;
  }

  /** Whoever is about to act on something being absent from the catalog asks this first. Throws CATALOG_MISSING (operator): its filesystem is not mounted. */
  async assertThere(): Promise<void> {
    if (!(await isStamped(this.layout.root))) throw missingCatalog(this.layout.root);
  }

  /** Directory for openJournal and readJournal. */
  get journalDir(): string {
    return this.layout.journal;
  }

  /** See WorkArea.create. */
  createWork(backupId: string, start: number): Promise<WorkDir> {
    return this.work.create(backupId, start);
  }

  /** See WorkArea.at. */
  workDir(backupId: string, name: string): WorkDir {
    return this.work.at(backupId, name);
  }

  removeWork(backupId: string): Promise<void> {
    return this.work.remove(backupId);
  }

  /** See WorkArea.changes. */
  workChanges(backupId?: string): Promise<Map<string, number>> {
    return this.work.changes(backupId);
  }

  listWork(): Promise<WorkEntry[]> {
    return this.work.list();
  }

  /**
   * The moment a backup becomes true. 'taken': another start sealed it first; everything this call put into the catalog
   * is gone again, and the caller may delete in LTS only what the sealed manifest (readManifest) does not name.
   * Sealing the very same manifest again is 'sealed'.
   * @throws SEAL_MANIFEST_INVALID (permanent) · SEAL_INCOMPLETE (retry) a file is missing or not as stated ·
   *   SEAL_REMOVED (permanent) it or its parent has a tombstone · SEAL_NAME_TAKEN (retry) · system errors
   */
  seal(request: SealRequest): Promise<SealResult> {
    return seal(this.layout, this.disk, request);
  }

  /** See sweep.ts. */
  sweepUnsealed(options: SweepOptions): Promise<SweepReport> {
    return sweepUnsealed(this.layout, this.disk, options);
  }

  /**
   * The same of one backup that has ended, whatever its age: an unsealed directory, files beside a sealed manifest that it does not name.
   * Its work is to be removed before, so that no seal can begin any more.
   */
  sweepBackup(basepathId: string, backupId: string): Promise<void> {
    return sweepOne(this.layout, this.disk, basepathId, backupId);
  }

  /** See bring-back.ts. */
  bringBackRemoved(basepathId: string, backupId: string, from: string): Promise<boolean> {
    return bringBackRemoved(this.layout, this.disk, { basepathId, backupId }, from);
  }

  /** See bring-back.ts. */
  bringBackJournal(name: string, from: string): Promise<boolean> {
    return bringBackJournal(this.layout, this.disk, name, from);
  }

  /** See listing.ts, readManifest. */
  readManifest(basepathId: string, backupId: string): Promise<Manifest> {
    return readManifest(this.layout, basepathId, backupId);
  }

  /** The bytes of a manifest as it was sealed, which is what every LTS holds. Throws system errors. */
  manifestBytes(basepathId: string, backupId: string): Promise<Buffer> {
    return readFile(join(this.layout.backup(basepathId, backupId), MANIFEST_FILE));
  }

  /** What was recorded of its copies since it sealed; readManifest has it merged. */
  copyRecords(basepathId: string, backupId: string): Promise<CopyRecord[]> {
    return readCopyRecords(this.layout.backup(basepathId, backupId));
  }

  /** Puts on record, for good, where parts of a sealed backup lie in an LTS (or no more). The objects must be verified there before. Throws system errors. */
  addCopyRecord(basepathId: string, record: CopyRecord): Promise<void> {
    return addCopyRecord(this.disk, this.layout.backup(basepathId, record.backupId), record);
  }

  /** See listing.ts, listBackups. */
  listBackups(filter: { readonly basepathId?: string } = {}): AsyncIterable<ListedBackup> {
    return listBackups(this.layout, filter.basepathId);
  }

  listBasepathIds(): Promise<string[]> {
    return listBasepathIds(this.layout);
  }

  /** See listing.ts, findBackup. */
  findBackup(idOrPrefix: string): Promise<Manifest> {
    return findBackup(this.layout, idOrPrefix);
  }

  /** See listing.ts, findRemoved. */
  findRemoved(idOrPrefix: string): Promise<BackupIds> {
    return findRemoved(this.layout, idOrPrefix);
  }

  /** See tombstone.ts, listRemoved. */
  listRemoved(filter: { readonly basepathId?: string } = {}): AsyncIterable<RemovedBackup> {
    return listRemoved(this.layout, filter.basepathId);
  }

  /** Whether a backup has a tombstone. */
  async isRemoved(basepathId: string, backupId: string): Promise<boolean> {
    return (await tombstoneIn(this.layout.backup(basepathId, backupId))) !== null;
  }

  /** The manifest of a backup that may have a tombstone; null where there is none (any more). Throws as readManifest. */
  readBuried(basepathId: string, backupId: string): Promise<Manifest | null> {
    return readBuried(this.layout, basepathId, backupId);
  }

  /** All usable sealed backups of a basepath by id; unreadable manifests are passed to `onProblem` and left out. */
  async backupsOf(basepathId: string, onProblem: (error: BwError) => void): Promise<Map<string, Manifest>> {
    const known = new Map<string, Manifest>();
    for await (const backup of this.listBackups({ basepathId })) {
      if (backup.ok) known.set(backup.manifest.backupId, backup.manifest);
      else onProblem(backup.error);
    }
    return known;
  }

  /** A backup and its ancestors, the full first. Throws CHAIN_BROKEN. */
  async chain(manifest: Manifest): Promise<Manifest[]> {
    if (manifest.parent === null) return [manifest];
    return chainOf(manifest, await this.backupsOf(manifest.basepathId, () => undefined)); // one that is needed and unreadable is missing then
  }

  /**
   * The sealed backup of our own of latest capture (not of latest seal: a week-long full ends after younger incrementals), or null.
   * Unreadable manifests are passed to `onProblem` and left out: an older parent saves more, never less.
   */
  async newestSealed(basepathId: string, onProblem: (error: BwError) => void): Promise<Manifest | null> {
    let newest: Manifest | null = null;
    for await (const backup of this.listBackups({ basepathId })) {
      if (!backup.ok) onProblem(backup.error);
      else if (backup.manifest.imported !== undefined) continue;
      else if (newest === null || Date.parse(backup.manifest.capturedAt) >= Date.parse(newest.capturedAt)) newest = backup.manifest;
    }
    return newest;
  }

  /** Absolute path of a file the manifest names. Throws MANIFEST_DAMAGED for a name that leads out of its directory. */
  file(manifest: Manifest, stored: StoredFile): string {
    const dir = this.layout.backup(manifest.basepathId, manifest.backupId);
    if (!isStoredName(stored.name)) throw damaged(dir, `a stored file is called ${JSON.stringify(stored.name)}`);
    return join(dir, stored.name);
  }

  /** Reads every file of a backup and compares size and hash; also names what lies there without belonging to it, but for what somebody is writing, or died writing (sweepUnsealed). Empty = sound. */
  async checkBackup(manifest: Manifest): Promise<FileProblem[]> {
    const problems: FileProblem[] = [];
    const names = new Set<string>([MANIFEST_FILE, ...TOMBSTONES]);
    for (const stored of storedFiles(manifest)) {
      names.add(stored.name);
      const problem = await checkStoredFile(this.file(manifest, stored), stored);
      if (problem !== null) problems.push(problem);
    }
    const dir = this.layout.backup(manifest.basepathId, manifest.backupId);
    const unnamed = (await namesIn(dir)).filter((name) => !names.has(name) && !isCopyRecordName(name) && !isTemporaryName(name)).sort();
    return [...problems, ...unnamed.map((name) => ({ name, problem: 'unnamed' as const, detail: join(dir, name) }))];
  }
}
