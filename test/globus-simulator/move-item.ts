import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, utimesSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import type { Context } from './context.js';
import { copyFile, SideError, type Copied, type Side } from './copy-file.js';
import { localFile } from './paths.js';
import type { ItemRecord, TaskRecord } from './records.js';

/** Why an item did not go through this time: the code of its event. */
export class MoveError extends Error {
  constructor(
    readonly code: string,
    readonly side: Side,
    details: string,
    /** Ends the task at once. */
    readonly fatal = false,
  ) {
    super(details);
  }
}

/** What the errors of a filesystem are called in events. */
const CODES: Readonly<Record<string, string>> = {
  ENOENT: 'FILE_NOT_FOUND',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'NO_SPACE_LEFT',
  EDQUOT: 'QUOTA_EXCEEDED',
  EISDIR: 'IS_A_DIRECTORY',
  ENOTDIR: 'NOT_A_DIRECTORY',
  ENAMETOOLONG: 'INVALID_PATH_NAME',
};

export function moveError(thrown: unknown, side: Side = 'source'): MoveError {
  if (thrown instanceof MoveError) return thrown;
  const error = thrown instanceof SideError ? thrown : new SideError(side, (thrown as NodeJS.ErrnoException).code ?? 'EIO', String(thrown));
  return new MoveError(CODES[error.errno] ?? 'ENDPOINT_ERROR', error.side, error.message);
}

export interface Moved {
  readonly state: 'succeeded' | 'skipped' | 'expanded' | 'stopped';
  readonly size: number;
  readonly sum: string | null;
  /** Sent, and compared, over the network. */
  readonly bytes: number;
  readonly checksummed: number;
  /** Files found below a recursive item. */
  readonly more?: ItemRecord[];
}

/** Moves one item. Throws MoveError. */
export async function moveItem(context: Context, task: TaskRecord, item: ItemRecord, goOn: () => boolean): Promise<Moved> {
  const source = context.collection(task.source);
  const destination = context.collection(task.destination ?? task.source);
  refuse(context, source.id, item.source, 'source');
  refuse(context, destination.id, item.destination, 'destination');
  const from = localFile(source, item.source);
  const to = localFile(destination, item.destination);
  const stat = statOf(from, 'source');
  if (item.recursive) return { state: 'expanded', size: 0, sum: null, bytes: 0, checksummed: 0, more: filesBelow(item, from, stat) };
  if (stat.isDirectory()) throw new MoveError('IS_A_DIRECTORY', 'source', `${item.source} is a directory`);
  if (inSync(task.flags.syncLevel, from, to, stat)) return { state: 'skipped', size: stat.size, sum: null, bytes: 0, checksummed: 0 };
  const verify = destination.disableVerify !== true && (task.flags.verifyChecksum || destination.forceVerify === true);
  const algorithm = verify || item.checksum !== null ? hashName(item.algorithm) : null;
  const copied = await copyFile({ from, to, size: stat.size, algorithm, switches: context.switches, goOn });
  if (copied.end === 'stopped') return { state: 'stopped', size: stat.size, sum: null, bytes: copied.bytes, checksummed: 0 };
  check(item, copied, verify);
  if (statOf(from, 'source').size !== stat.size) throw new MoveError('FILE_SIZE_CHANGED', 'source', `${item.source} changed its size while it was read`);
  if (task.flags.preserveTimestamp) utimesSync(to, stat.atime, stat.mtime);
  return { state: 'succeeded', size: stat.size, sum: copied.sourceSum, bytes: copied.bytes, checksummed: algorithm === null ? 0 : stat.size };
}

function check(item: ItemRecord, copied: Copied, verify: boolean): void {
  if (copied.end === 'broken') throw new MoveError('CONNECTION_BROKEN', 'destination', 'the data connection was lost');
  const { sourceSum, destinationSum } = copied;
  // Sent again until both sides agree; only then is the checksum of the submission looked at. What comes first in the service is not known.
  if (verify && destinationSum !== sourceSum) {
    throw new MoveError('VERIFY_CHECKSUM', 'destination', `checksum mismatch: source ${String(sourceSum)}, destination ${String(destinationSum)}`);
  }
  const wanted = item.checksum?.toLowerCase();
  if (wanted !== undefined && (sourceSum !== wanted || destinationSum !== wanted)) {
    throw new MoveError('EXTERNAL_CHECKSUM_MISMATCH', 'source', `expected ${wanted}, source ${String(sourceSum)}, destination ${String(destinationSum)}`, true);
  }
}

/** `SHA-256` or `sha256`; MD5 unless one is named. */
export const hashName = (algorithm: string | null): string => (algorithm ?? 'MD5').toLowerCase().replaceAll('-', '');

export function refuse(context: Context, collection: string, path: string, side: Side): void {
  const code = context.switches.pathError(collection, path, side);
  if (code !== null) throw new MoveError(code, side, `${path}: ${code.toLowerCase().replaceAll('_', ' ')} (switch)`);
}

function statOf(file: string, side: Side): Stats {
  try {
    return statSync(file);
  } catch (thrown) {
    throw moveError(thrown, side);
  }
}

function inSync(level: number | null, from: string, to: string, source: Stats): boolean {
  const there = statSync(to, { throwIfNoEntry: false });
  if (level === null || there === undefined) return false;
  if (level === 0) return true;
  if (level === 1) return there.size === source.size;
  if (level === 2) return there.mtimeMs >= source.mtimeMs && there.size === source.size;
  return there.size === source.size && hashOf(from) === hashOf(to);
}

const hashOf = (file: string): string => createHash('md5').update(readFileSync(file)).digest('hex');

function filesBelow(item: ItemRecord, from: string, stat: Stats): ItemRecord[] {
  if (!stat.isDirectory()) throw new MoveError('NOT_A_DIRECTORY', 'source', `${item.source} is not a directory`);
  const files = readdirSync(from, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => {
    const name = posix.join(entry.parentPath, entry.name).slice(from.replace(/\/$/, '').length + 1);
    const below = (path: string): string => posix.join(path, name);
    return { ...item, source: below(item.source), destination: below(item.destination), recursive: false, checksum: null, state: 'pending' as const };
  });
}
