import { mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { shareDirectory, shareFile, type SharedFor } from '../../shared/files/share.js';
import { removeTree } from '../../shared/files/remove-tree.js';
import type { StagingAccount } from './account.js';
import { HeldStarts } from './held-starts.js';
import type { Reservation } from './restores.js';

/**
 * This host's part of the staging directory: `<dir>/<host>/<backupId>/<start>/`. Nothing in it has lasting
 * value; the directory of a backup that is not in flight is swept.
 */
export class Staging {
  readonly root: string;
  readonly #held: HeldStarts;

  constructor(
    private readonly dir: string,
    host: string,
    /** Who may write here, and how much. */
    readonly account: StagingAccount,
    /** Group that may read slices and put fetched ones; null = nobody but us. */
    private readonly group: number | null = null,
  ) {
    this.root = join(dir, host);
    this.#held = new HeldStarts(this.root);
  }

  backupDir(backupId: string): string {
    return join(this.root, backupId);
  }

  /** A directory for one start of one shard or restore; private, but for what staging.group may do. */
  createStart(backupId: string, start: string, shared: SharedFor = 'reaching'): Promise<string> {
    return this.createDirectory(join(backupId, start), shared);
  }

  /** Any directory below this host's part, with those above it. */
  async createDirectory(relative: string, shared: SharedFor = 'reaching'): Promise<string> {
    const dir = join(this.root, relative);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    if (this.group === null) return dir;
    for (let above = dirname(dir); above.length >= this.root.length; above = dirname(above)) await shareDirectory(above, this.group, 'reaching');
    await shareDirectory(dir, this.group, shared);
    return dir;
  }

  /** Before a transfer service is told of these files, which may lie anywhere in staging. */
  async shareFiles(files: readonly string[]): Promise<void> {
    if (this.group === null) return;
    for (const file of files) await shareFile(file, this.group);
  }

  /** Removes what starts left here. */
  async removeStarts(backupId: string, isMeant: (start: string) => boolean): Promise<void> {
    for (const name of await list(this.backupDir(backupId))) if (isMeant(name)) await this.removeAnew(join(backupId, name));
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
    await this.removeAnew(backupId);
  }

  /** Backup ids with a directory here. */
  backups(): Promise<string[]> {
    return list(this.root);
  }

  /** Removes what a start left that failed; true when a program of it still runs, which nobody can end: then it is removed when that is gone. */
  async abandonStart(backupId: string, start: string): Promise<boolean> {
    const isHeld = await this.#held.look(join(backupId, start));
    await this.remove(join(backupId, start));
    return isHeld;
  }

  /** Programs of an earlier worker that still run: what they write to is not removed before they have ended. */
  async holdStrays(): Promise<void> {
    await this.#held.look();
  }

  /** Whether such a program works in or below this directory, relative to this host's part of staging. */
  isHeld(relative: string): boolean {
    return this.#held.touching(relative).length > 0;
  }

  /** Removes what was only kept for programs that have ended since. */
  async releaseStrays(): Promise<void> {
    for (const relative of await this.#held.release()) await this.remove(relative);
  }

  /** A program that was seen in it may have ended since. Of others nothing is touched: what it left there may be on record, or somebody's to adopt. */
  private async removeAnew(relative: string): Promise<void> {
    await this.#held.release(relative);
    await this.remove(relative);
  }

  private async remove(relative: string): Promise<void> {
    const held = this.#held.touching(relative);
    if (held.length === 0) return removeTree(join(this.root, relative));
    if (held.some((each) => `${relative}/`.startsWith(`${each}/`))) return;
    for (const name of await list(join(this.root, relative))) await this.remove(join(relative, name));
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
