import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import { removeTree } from '../files/remove-tree.js';
import { errnoOf, realDisk } from './disk.js';
import { letterNonce } from './durable.js';
import { isBackupId, type Layout } from './layout.js';

/** Work files of one start of one backup. */
export interface WorkDir {
  readonly backupId: string;
  /** `t<start>-<nonce>`. */
  readonly name: string;
  readonly start: number;
  /** Six lower-case letters, new for every start. */
  readonly nonce: string;
  readonly path: string;
}

export interface WorkEntry extends WorkDir {
  /** Last change of the directory (a file added or removed), ms since the epoch. */
  readonly changedMs: number;
}

const NAME = /^t(\d+)-([a-z]{6})$/;

/**
 * `<catalog>/work`: what running backups share between hosts. Nothing here outlives a power failure by
 * contract (a lost work directory costs the run, never a backup), so directories are not fsynced.
 */
export class WorkArea {
  constructor(private readonly layout: Layout) {}

  /** A new, empty directory (0700). `start` counts the starts of this backup from 1. */
  async create(backupId: string, start: number): Promise<WorkDir> {
    const dir = this.at(backupId, `t${start}-${letterNonce(6)}`);
    await realDisk.makeDir(this.layout.workOf(backupId));
    await realDisk.makeDir(dir.path);
    return dir;
  }

  /** Where the work of an earlier (or this) start lies, or lay. Throws WORK_BAD_NAME (permanent). */
  at(backupId: string, name: string): WorkDir {
    const path = join(this.layout.workOf(backupId), name);
    const match = NAME.exec(name);
    if (match?.[1] === undefined || match[2] === undefined) throw badName(name);
    return { backupId, name, start: Number(match[1]), nonce: match[2], path };
  }

  /** Removes the work of all starts of a backup; no error when there is none. */
  async remove(backupId: string): Promise<void> {
    await removeTree(this.layout.workOf(backupId));
  }

  /** Last sign of life of every backup that has a directory here, also an empty one, or of this one only: ms since the epoch. */
  async changes(only?: string): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const backupId of only === undefined ? (await readdir(this.layout.work)).filter(isBackupId).sort() : [only]) {
      const dir = this.layout.workOf(backupId);
      const names = await namesIn(dir);
      const paths = names.length === 0 ? [dir] : names.map((name) => join(dir, name));
      const changed = (await Promise.all(paths.map(changedAt))).filter((ms) => ms !== null);
      if (changed.length > 0) found.set(backupId, Math.max(...changed));
    }
    return found;
  }

  /** All starts of all backups; a backup whose directory is still empty is not listed. */
  async list(): Promise<WorkEntry[]> {
    const found: WorkEntry[] = [];
    for (const backupId of (await readdir(this.layout.work)).filter(isBackupId).sort()) {
      for (const name of (await namesIn(this.layout.workOf(backupId))).filter((entry) => NAME.test(entry)).sort(byStart)) {
        const dir = this.at(backupId, name);
        const changedMs = await changedAt(dir.path);
        if (changedMs !== null) found.push({ ...dir, changedMs });
      }
    }
    return found;
  }
}

function byStart(a: string, b: string): number {
  return Number(NAME.exec(a)?.[1]) - Number(NAME.exec(b)?.[1]);
}

async function namesIn(dir: string): Promise<string[]> {
  return (await ifThere(() => readdir(dir))) ?? [];
}

async function changedAt(path: string): Promise<number | null> {
  return (await ifThere(() => stat(path)))?.mtimeMs ?? null;
}

/** Null where another process removed it meanwhile. */
async function ifThere<T>(act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}

function badName(name: string): BwError {
  return new BwError('WORK_BAD_NAME', {
    message: 'This is not the name of a work directory (t<start>-<nonce>)',
    subject: JSON.stringify(name),
    retry: 'permanent',
    hint: 'The job data are damaged: dismiss the job; the next scheduled run makes a new backup.',
  });
}
