import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError, toBwError } from '../errors/bw-error.js';
import { errnoOf, exists } from './disk.js';
import { isBackupId, isBasepathId, MANIFEST_FILE, REMOVED_FILE, type Layout } from './layout.js';
import { damaged, decodeManifest } from './manifest-codec.js';
import type { Manifest } from './manifest.js';
import { mapLimited } from './map-limited.js';

/** A sealed backup, or why its manifest cannot be used. */
export type ListedBackup =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly error: BwError; readonly dir: string; readonly basepathId: string; readonly backupId: string };

/** Manifests read ahead; bounds memory whatever the catalog holds. */
const READ_AHEAD = 8;

/**
 * The manifest of one sealed backup.
 * @throws MANIFEST_MISSING (permanent) not sealed, or removed · MANIFEST_DAMAGED · MANIFEST_FOREIGN · MANIFEST_UNREADABLE (retry) the system refuses
 */
export async function readManifest(layout: Layout, basepathId: string, backupId: string): Promise<Manifest> {
  const dir = layout.backup(basepathId, backupId);
  const path = join(dir, MANIFEST_FILE);
  const bytes = await readSealed(dir, path);
  if (bytes === null) throw missing(path);
  const manifest = decodeManifest(bytes, path);
  if (manifest.basepathId === basepathId && manifest.backupId === backupId) return manifest;
  throw damaged(path, `it describes ${manifest.basepathId}/${manifest.backupId}`);
}

/** Sealed backups, basepath by basepath (ids ascending), within one the newest id last. Streams; a damaged one is an item like any other. */
export async function* listBackups(layout: Layout, basepathId?: string): AsyncGenerator<ListedBackup> {
  const basepaths = basepathId === undefined ? await listBasepathIds(layout) : [basepathId];
  for (const id of basepaths) {
    const backups = (await namesIn(layout.basepath(id))).filter(isBackupId).sort();
    for (let at = 0; at < backups.length; at += READ_AHEAD) {
      const items = await mapLimited(backups.slice(at, at + READ_AHEAD), READ_AHEAD, (backupId) => listOne(layout, id, backupId));
      yield* items.filter((item) => item !== null);
    }
  }
}

/**
 * The sealed backup with this id or unambiguous beginning of an id (any case).
 * @throws BACKUP_NOT_FOUND · BACKUP_AMBIGUOUS (both permanent) and what readManifest throws
 */
export async function findBackup(layout: Layout, idOrPrefix: string): Promise<Manifest> {
  const prefix = idOrPrefix.toUpperCase();
  const found: [basepathId: string, backupId: string][] = [];
  for (const basepathId of prefix === '' ? [] : await listBasepathIds(layout)) {
    for (const backupId of (await namesIn(layout.basepath(basepathId))).filter((name) => isBackupId(name) && name.startsWith(prefix))) {
      if (await isSealed(layout.backup(basepathId, backupId))) found.push([basepathId, backupId]);
    }
  }
  const [first, second] = found;
  if (first === undefined) throw notFound(idOrPrefix);
  if (second !== undefined) throw ambiguous(idOrPrefix, found.map((ids) => ids.join('/')));
  return readManifest(layout, ...first);
}

/** Ids of the basepaths that have a directory, ascending. */
export async function listBasepathIds(layout: Layout): Promise<string[]> {
  return (await readdir(layout.backups)).filter(isBasepathId).sort();
}

export async function isSealed(dir: string): Promise<boolean> {
  return !(await exists(join(dir, REMOVED_FILE))) && (await exists(join(dir, MANIFEST_FILE)));
}

/** Entries of a directory; none where it does not exist. */
export async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return [];
    throw thrown;
  }
}

async function listOne(layout: Layout, basepathId: string, backupId: string): Promise<ListedBackup | null> {
  try {
    return { ok: true, manifest: await readManifest(layout, basepathId, backupId) };
  } catch (thrown) {
    const error = toBwError(thrown);
    if (error.code === 'MANIFEST_MISSING') return null;
    return { ok: false, error, dir: layout.backup(basepathId, backupId), basepathId, backupId };
  }
}

async function readSealed(dir: string, path: string): Promise<Buffer | null> {
  try {
    if (await exists(join(dir, REMOVED_FILE))) return null;
    return await readFile(path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return null;
    throw new BwError('MANIFEST_UNREADABLE', {
      message: 'The manifest exists but the system refuses to read it',
      subject: path,
      cause: thrown,
      retry: 'retry',
      hint: 'Look at the catalog filesystem, and at the owner and mode of this file (bw-bkup user, 0600).',
    });
  }
}

function missing(path: string): BwError {
  return new BwError('MANIFEST_MISSING', {
    message: 'There is no sealed backup here',
    subject: path,
    retry: 'permanent',
    hint: 'If long-term storage has its manifest, `bw-bkup catalog rebuild` brings it back; otherwise the backup never sealed or was removed.',
  });
}

function notFound(wanted: string): BwError {
  return new BwError('BACKUP_NOT_FOUND', {
    message: 'No sealed backup has this id',
    subject: JSON.stringify(wanted),
    retry: 'permanent',
    hint: 'List the backups of a basepath with `bw-bkup backups`.',
  });
}

function ambiguous(wanted: string, found: readonly string[]): BwError {
  return new BwError('BACKUP_AMBIGUOUS', {
    message: `${found.length} sealed backups have an id that begins like this`,
    subject: JSON.stringify(wanted),
    detail: found.slice(0, 10).join('\n'),
    retry: 'permanent',
    hint: 'Give more letters of the id.',
  });
}
