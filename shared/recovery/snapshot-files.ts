import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isBackupId, MANIFEST_FILE, type Catalog } from '../catalog/index.js';
import { errnoOf } from '../catalog/disk.js';
import { isCopyRecordName, isStoredName, TOMBSTONES } from '../catalog/layout.js';
import { isJournalFile } from '../journal/file-name.js';

/** A file of catalog or journal as a snapshot takes it. */
export interface SnapshotFile {
  /** `backups/BASEPATH/BACKUP/FILE` or `journal/FILE`. */
  readonly name: string;
  readonly path: string;
  /** So many from its beginning: a journal grows meanwhile. */
  readonly bytes: number;
}

/** Files that belong together: a part of a snapshot holds all of them. */
export interface SnapshotGroup {
  readonly isBackup: boolean;
  readonly files: readonly SnapshotFile[];
}

const TAIL_BYTES = 1 << 20;

/**
 * Everything sealed, removed backups with their tombstones too, then the journal: so every id that a backup has is in it. A seal that is just happening, or an erasure, is in it
 * wholly or not at all, as far as a reader can tell: a tombstone comes first, a manifest last.
 */
export async function* snapshotGroups(catalog: Pick<Catalog, 'root' | 'journalDir' | 'listBasepathIds'>): AsyncGenerator<SnapshotGroup> {
  for (const basepathId of await catalog.listBasepathIds()) {
    const dir = join(catalog.root, 'backups', basepathId);
    for (const backupId of (await namesIn(dir)).filter(isBackupId).sort()) {
      const names = await namesIn(join(dir, backupId));
      if (![MANIFEST_FILE, ...TOMBSTONES].some((name) => names.includes(name))) continue;
      const files = await sized(names.filter(isOurs).sort(byRank).map((name) => ({ name: `backups/${basepathId}/${backupId}/${name}`, path: join(dir, backupId, name) })));
      if (files.length > 0) yield { isBackup: true, files };
    }
  }
  for (const name of (await namesIn(catalog.journalDir)).filter(isJournalFile).sort()) {
    const path = join(catalog.journalDir, name);
    const bytes = await wholeLines(path);
    if (bytes > 0) yield { isBackup: false, files: [{ name: `journal/${name}`, path, bytes }] };
  }
}

function isOurs(name: string): boolean {
  return isStoredName(name) || isCopyRecordName(name) || rank(name) !== 1;
}

function rank(name: string): number {
  if ((TOMBSTONES as readonly string[]).includes(name)) return 0;
  return name === MANIFEST_FILE ? 2 : 1;
}

function byRank(a: string, b: string): number {
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

async function sized(files: readonly Pick<SnapshotFile, 'name' | 'path'>[]): Promise<SnapshotFile[]> {
  const found: SnapshotFile[] = [];
  for (const file of files) {
    const info = await stat(file.path).catch((thrown: unknown) => {
      if (errnoOf(thrown) === 'ENOENT') return null; // erased in this moment
      throw thrown;
    });
    if (info?.isFile() === true) found.push({ ...file, bytes: info.size });
  }
  return found;
}

/** Up to the end of the last line that is written wholly. */
async function wholeLines(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n');
    return end === -1 ? 0 : from + end + 1;
  } finally {
    await handle.close();
  }
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((thrown: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) return [];
    throw thrown;
  });
}
