import { join } from 'node:path';
import { BwError } from '../errors/bw-error.js';

export const MANIFEST_FILE = 'manifest.json';
/** Tombstone: an exclusive link beside (or instead of) the manifest; such a backup is gone for every reader. */
export const REMOVED_FILE = 'removed.json';
/** The tombstone of a backup whose erasure has begun, under its second name: there is no way back. */
export const ERASED_FILE = 'erased.json';
/** Whoever looks for a tombstone looks for them in this order: an erasure renames the first into the second, so one of them is always seen. */
export const TOMBSTONES = [REMOVED_FILE, ERASED_FILE] as const;

/** Records of copies, numbered from 1 (copies.ts). */
export function copyRecordName(number: number): string {
  return `copies.${number}.json`;
}

export function isCopyRecordName(name: string): boolean {
  return /^copies\.[1-9]\d*\.json$/.test(name);
}

/** Where things lie below the catalog directory. Every id is checked, so that none leads out of it. */
export interface Layout {
  readonly root: string;
  readonly backups: string;
  readonly work: string;
  readonly journal: string;
  basepath(basepathId: string): string;
  backup(basepathId: string, backupId: string): string;
  workOf(backupId: string): string;
}

export function catalogLayout(root: string): Layout {
  const backups = join(root, 'backups');
  const work = join(root, 'work');
  const basepath = (id: string): string => join(backups, checkedId(id, isBasepathId, 'basepath'));
  return {
    root,
    backups,
    work,
    journal: join(root, 'journal'),
    basepath,
    backup: (basepathId, backupId) => join(basepath(basepathId), checkedId(backupId, isBackupId, 'backup')),
    workOf: (backupId) => join(work, checkedId(backupId, isBackupId, 'backup')),
  };
}

/** A ULID in its canonical (upper case) spelling: ids are directory names, and one id is one name. */
export function isBackupId(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);
}

export function isBasepathId(text: string): boolean {
  return isPlainName(text) && text.length <= 128;
}

/** One path component that needs no quoting anywhere and is not hidden. */
export function isPlainName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(text);
}

/** A name a sealed file may have in its backup's directory: plain, and not one of our own. */
export function isStoredName(text: string): boolean {
  return isPlainName(text) && !isCopyRecordName(text) && ![MANIFEST_FILE, ...TOMBSTONES].includes(text);
}

function checkedId(id: string, valid: (id: string) => boolean, what: string): string {
  if (valid(id)) return id;
  throw new BwError('CATALOG_BAD_ID', {
    message: `This is not the id of a ${what}`,
    subject: JSON.stringify(id),
    retry: 'permanent',
    hint: 'Take the id from `bw-bkup status` or `bw-bkup backups`.',
  });
}
