import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryName, exists, type Disk } from './disk.js';
import { ensureDir, linkExclusive } from './durable.js';
import { isStoredName, MANIFEST_FILE, TOMBSTONES, type Layout } from './layout.js';

/**
 * A removed backup, out of a snapshot of the catalog, with its tombstone, which comes first: no reader ever takes it for a sealed one. False, and nothing is changed, when the
 * catalog has anything of it.
 */
export async function bringBackRemoved(layout: Layout, disk: Disk, ids: { readonly basepathId: string; readonly backupId: string }, from: string): Promise<boolean> {
  const dir = layout.backup(ids.basepathId, ids.backupId);
  if (await exists(dir)) return false;
  const names = (await readdir(from)).filter((name) => isStoredName(name) || isOwn(name));
  await ensureDir(dir, disk);
  for (const name of names.sort((a, b) => Number(isTombstone(b)) - Number(isTombstone(a)))) await copyTo(disk, join(from, name), dir, name);
  return true;
}

/** A file of the journal, out of a snapshot; false when there is one of this name: it may have grown since. */
export async function bringBackJournal(layout: Layout, disk: Disk, name: string, from: string): Promise<boolean> {
  if (await exists(join(layout.journal, name))) return false;
  return copyTo(disk, from, layout.journal, name);
}

async function copyTo(disk: Disk, from: string, dir: string, name: string): Promise<boolean> {
  const temporary = join(dir, temporaryName(name));
  await disk.copyNew(from, temporary);
  return (await linkExclusive(temporary, join(dir, name), { synced: true, disk })) === 'linked';
}

function isTombstone(name: string): boolean {
  return (TOMBSTONES as readonly string[]).includes(name);
}

function isOwn(name: string): boolean {
  return name === MANIFEST_FILE || isTombstone(name);
}
