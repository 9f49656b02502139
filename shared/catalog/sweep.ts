import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BwError, toBwError } from '../errors/bw-error.js';
import { errnoOf, exists, isTemporaryName, type Disk } from './disk.js';
import { isBackupId, isCopyRecordName, MANIFEST_FILE, TOMBSTONES, type Layout } from './layout.js';
import { listBasepathIds, namesIn, readManifest, tombstoneIn } from './listing.js';
import { storedFiles } from './manifest-codec.js';

export interface SweepOptions {
  /** Leftovers changed less than this before `now` stay. Longer than a seal can take: hours, not seconds. */
  readonly olderThanMs: number;
  /** ms since the epoch. */
  readonly now: number;
  /** Backups that may still be sealed; their directories are left alone. */
  readonly inFlight: (backupId: string) => boolean | Promise<boolean>;
}

export interface SweepReport {
  /** Directories without a manifest that are gone now. */
  readonly removedBackups: readonly string[];
  /** Files beside a sealed manifest that it does not name. */
  readonly removedFiles: readonly string[];
  /** What could not be judged (a damaged manifest): nothing was touched there. */
  readonly problems: readonly BwError[];
}

/** Removes what never became part of a sealed backup. Never touches a named file, nor a directory with a tombstone. */
export async function sweepUnsealed(layout: Layout, disk: Disk, options: SweepOptions): Promise<SweepReport> {
  const report = { removedBackups: [] as string[], removedFiles: [] as string[], problems: [] as BwError[] };
  for (const basepathId of await listBasepathIds(layout)) {
    for (const backupId of (await namesIn(layout.basepath(basepathId))).filter(isBackupId).sort()) {
      if (await options.inFlight(backupId)) continue;
      const dir = layout.backup(basepathId, backupId);
      try {
        if ((await tombstoneIn(dir)) !== null) continue;
        if (await exists(join(dir, MANIFEST_FILE))) {
          const { names } = await namedIn(layout, basepathId, backupId);
          report.removedFiles.push(...(await removeUnnamed(disk, dir, names, options)));
        } else if (await removeUnsealed(disk, dir, options)) {
          report.removedBackups.push(dir);
        }
      } catch (thrown) {
        report.problems.push(toBwError(thrown));
      }
    }
  }
  return report;
}

/** See Catalog.sweepBackup. Nothing of one that has a tombstone, or a manifest that cannot be read (it throws then). */
export async function sweepOne(layout: Layout, disk: Disk, basepathId: string, backupId: string): Promise<void> {
  const dir = layout.backup(basepathId, backupId);
  const options: SweepOptions = { olderThanMs: -Infinity, now: 0, inFlight: () => false };
  if ((await tombstoneIn(dir)) !== null || !(await exists(dir))) return;
  if (await exists(join(dir, MANIFEST_FILE))) await removeUnnamed(disk, dir, (await namedIn(layout, basepathId, backupId)).names, options);
  else await removeUnsealed(disk, dir, options);
}

async function namedIn(layout: Layout, basepathId: string, backupId: string): Promise<{ names: Set<string> }> {
  const manifest = await readManifest(layout, basepathId, backupId);
  return { names: new Set([MANIFEST_FILE, ...TOMBSTONES, ...storedFiles(manifest).map((file) => file.name)]) };
}

async function removeUnnamed(disk: Disk, dir: string, named: ReadonlySet<string>, options: SweepOptions): Promise<string[]> {
  const removed: string[] = [];
  for (const name of (await namesIn(dir)).filter((entry) => !named.has(entry) && !isCopyRecordName(entry))) {
    const path = join(dir, name);
    if (!(await isOld(path, options))) continue;
    await disk.unlink(path);
    removed.push(path);
  }
  return removed;
}

/**
 * Temporary manifests go first: a caller that stalled in the middle of a seal for longer than olderThanMs then has nothing
 * left to link. If the manifest is there after that, it was faster, and its files stay.
 */
async function removeUnsealed(disk: Disk, dir: string, options: SweepOptions): Promise<boolean> {
  const names = await namesIn(dir);
  const paths = [dir, ...names.map((name) => join(dir, name))];
  for (const path of paths) if (!(await isOld(path, options))) return false;
  for (const name of names.filter(isTemporaryName)) await disk.unlink(join(dir, name));
  if (await exists(join(dir, MANIFEST_FILE))) return false;
  for (const name of names) await disk.unlink(join(dir, name));
  return disk.removeDir(dir);
}

/** By ctime: the link into the directory sets it, whatever the age of the content. */
async function isOld(path: string, { now, olderThanMs }: SweepOptions): Promise<boolean> {
  try {
    return now - (await stat(path)).ctimeMs > olderThanMs;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return true;
    throw thrown;
  }
}
