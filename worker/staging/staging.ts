import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { removeTree } from '../../shared/files/remove-tree.js';
import type { StagingAccount } from './account.js';
import type { Reservation } from './restores.js';

/**
 * This host's part of the staging directory: `<dir>/<host>/<backupId>/<start>/`. Nothing in it has lasting
 * value; the directory of a backup that is not in flight is swept.
 */
export class Staging {
  readonly root: string;

  constructor(
    private readonly dir: string,
    host: string,
    /** Who may write here, and how much. */
    readonly account: StagingAccount,
  ) {
    this.root = join(dir, host);
  }

  backupDir(backupId: string): string {
    return join(this.root, backupId);
  }

  /** A private directory for one start of one shard or restore. */
  async createStart(backupId: string, start: string): Promise<string> {
    const dir = join(this.backupDir(backupId), start);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return dir;
  }

  /** Removes what starts left here. */
  async removeStarts(backupId: string, isMeant: (start: string) => boolean): Promise<void> {
    for (const name of await list(this.backupDir(backupId))) if (isMeant(name)) await this.remove(join(backupId, name));
  }

  /** Names of starts that have a directory in a host's staging; none where that cannot be seen from here. `dirOf` says where. */
  startsOn(host: string, backupId: string): Promise<string[]> {
    return list(join(this.dir, host, backupId));
  }

  dirOf(host: string, backupId: string, start: string): string {
    return join(this.dir, host, backupId, start);
  }

  async removeStart(backupId: string, start: string): Promise<void> {
    await this.remove(join(backupId, start));
  }

  /** Room for a restore or verification, see StagingAccount.reserve. */
  reserve(bytes: number, reservation: Reservation): Promise<() => void> {
    return this.account.reserve(bytes, reservation);
  }

  async removeBackup(backupId: string): Promise<void> {
    await this.remove(backupId);
  }

  /** Backup ids with a directory here. */
  backups(): Promise<string[]> {
    return list(this.root);
  }

  private async remove(relative: string): Promise<void> {
    await removeTree(join(this.root, relative));
  }
}

async function list(dir: string): Promise<string[]> {
  return readdir(dir).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw thrown;
  });
}

/** The hash file dar wrote beside a slice. */
export function hashFileOf(slice: string): string {
  return join(slice, '..', `${basename(slice)}.sha512`);
}
