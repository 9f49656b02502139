import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError, toBwError } from '../errors/bw-error.js';
import { readCopyRecords, withCopies } from './copies.js';
import { errnoOf, exists } from './disk.js';
import { isBackupId, isBasepathId, MANIFEST_FILE, TOMBSTONES, type Layout } from './layout.js';
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
 * The manifest of one sealed backup, with the locations of the copies that were made since.
 * @throws MANIFEST_MISSING (permanent) not sealed, or removed · MANIFEST_DAMAGED · MANIFEST_FOREIGN · MANIFEST_UNREADABLE (retry) the system refuses
 */
export async function readManifest(layout: Layout, basepathId: string, backupId: string): Promise<Manifest> {
  const dir = layout.backup(basepathId, backupId);
  const path = join(dir, MANIFEST_FILE);
  const bytes = await readSealed(dir, path);
  if (bytes === null) throw missing(path, await tombstoneIn(dir));
  return manifestOf(bytes, dir, basepathId, backupId);
}

/** The same of one that may have a tombstone; null where there is no manifest (any more). */
export async function readBuried(layout: Layout, basepathId: string, backupId: string): Promise<Manifest | null> {
  const dir = layout.backup(basepathId, backupId);
  const bytes = await readIfThere(join(dir, MANIFEST_FILE));
  return bytes === null ? null : manifestOf(bytes, dir, basepathId, backupId);
}

async function manifestOf(bytes: Buffer, dir: string, basepathId: string, backupId: string): Promise<Manifest> {
  const path = join(dir, MANIFEST_FILE);
  const manifest = decodeManifest(bytes, path);
  if (manifest.basepathId === basepathId && manifest.backupId === backupId) return withCopies(manifest, await readCopyRecords(dir));
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
  const named = await idsLike(layout, idOrPrefix);
  const found: BackupIds[] = [];
  for (const ids of named) if (await isSealed(layout.backup(...ids))) found.push(ids);
  const [first, second] = found;
  if (first === undefined) throw await notFound(layout, idOrPrefix, named);
  if (second !== undefined) throw ambiguous(idOrPrefix, found);
  return readManifest(layout, ...first);
}

/**
 * Basepath and id of the one backup with a tombstone whose id begins like this.
 * @throws BACKUP_NOT_FOUND · BACKUP_AMBIGUOUS (both permanent)
 */
export async function findRemoved(layout: Layout, idOrPrefix: string): Promise<BackupIds> {
  const found: BackupIds[] = [];
  for (const ids of await idsLike(layout, idOrPrefix)) if ((await tombstoneIn(layout.backup(...ids))) !== null) found.push(ids);
  const [first, second] = found;
  if (first === undefined) throw notRemoved(idOrPrefix);
  if (second !== undefined) throw ambiguous(idOrPrefix, found);
  return first;
}

export type BackupIds = readonly [basepathId: string, backupId: string];

/** Every directory of a backup whose id begins like this. */
async function idsLike(layout: Layout, idOrPrefix: string): Promise<BackupIds[]> {
  const prefix = idOrPrefix.toUpperCase();
  const found: BackupIds[] = [];
  for (const basepathId of prefix === '' ? [] : await listBasepathIds(layout)) {
    for (const name of await namesIn(layout.basepath(basepathId))) if (isBackupId(name) && name.startsWith(prefix)) found.push([basepathId, name]);
  }
  return found;
}

/** Ids of the basepaths that have a directory, ascending. */
export async function listBasepathIds(layout: Layout): Promise<string[]> {
  return (await readdir(layout.backups)).filter(isBasepathId).sort();
}

export async function isSealed(dir: string): Promise<boolean> {
  return (await tombstoneIn(dir)) === null && (await exists(join(dir, MANIFEST_FILE)));
}

/** Name of the tombstone of a backup, or null. */
export async function tombstoneIn(dir: string): Promise<(typeof TOMBSTONES)[number] | null> {
  for (const name of TOMBSTONES) if (await exists(join(dir, name))) return name;
  return null;
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
  return (await tombstoneIn(dir)) === null ? readIfThere(path) : null;
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
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

function missing(path: string, tombstone: string | null): BwError {
  return new BwError('MANIFEST_MISSING', {
    message: tombstone === null ? 'There is no sealed backup here' : 'This backup was removed',
    subject: path,
    retry: 'permanent',
    hint: tombstone !== null ? REMOVED_HINT : 'If long-term storage has its manifest, `bw-bkup catalog rebuild` brings it back; otherwise the backup never sealed or was removed.',
  });
}

const REMOVED_HINT = 'Until it is erased, `bw-bkup undelete BACKUP` brings it back.';

async function notFound(layout: Layout, wanted: string, named: readonly BackupIds[]): Promise<BwError> {
  const removed = [];
  for (const ids of named) if ((await tombstoneIn(layout.backup(...ids))) !== null) removed.push(ids);
  return new BwError('BACKUP_NOT_FOUND', {
    message: removed.length === 0 ? 'No sealed backup has this id' : 'The backup of this id was removed',
    subject: JSON.stringify(wanted),
    retry: 'permanent',
    hint: removed.length === 0 ? 'List the backups of a basepath with `bw-bkup backups`.' : REMOVED_HINT,
  });
}

function notRemoved(wanted: string): BwError {
  return new BwError('BACKUP_NOT_FOUND', {
    message: 'No removed backup has this id: it was never removed, or is erased already',
    subject: JSON.stringify(wanted),
    retry: 'permanent',
    hint: 'See `bw-bkup prune --dry-run` for what is removed and not yet erased, `bw-bkup backups` for what is there.',
  });
}

function ambiguous(wanted: string, found: readonly BackupIds[]): BwError {
  return new BwError('BACKUP_AMBIGUOUS', {
    message: `${found.length} backups have an id that begins like this`,
    subject: JSON.stringify(wanted),
    detail: found.slice(0, 10).map((ids) => ids.join('/')).join('\n'),
    retry: 'permanent',
    hint: 'Give more letters of the id.',
  });
}
