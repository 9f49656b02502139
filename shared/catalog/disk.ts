import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises';

/**
 * The few changes the catalog makes to a disk, one per step that can be cut off by a crash. Tests
 * replace it to stop at each of them.
 */
export interface Disk {
  /** True when it made the directory, false when it was there. Mode 0700. */
  readonly makeDir: (path: string) => Promise<boolean>;
  /** Writes a file that must not exist, mode 0600, and fsyncs it. */
  readonly writeNew: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Copies into a file that must not exist, mode 0600, and fsyncs it. */
  readonly copyNew: (from: string, to: string) => Promise<void>;
  /** fsyncs a file of ours and makes it 0600, whoever wrote it (dar and zstd follow the umask). */
  readonly syncFile: (path: string) => Promise<void>;
  readonly syncDir: (path: string) => Promise<void>;
  /** False when `to` exists. */
  readonly link: (from: string, to: string) => Promise<boolean>;
  readonly rename: (from: string, to: string) => Promise<void>;
  /** No error when it is gone already. */
  readonly unlink: (path: string) => Promise<void>;
  /** False when it is not empty (or gone). */
  readonly removeDir: (path: string) => Promise<boolean>;
}

export const realDisk: Disk = {
  makeDir: (path) => unless('EEXIST', () => mkdir(path, { mode: 0o700 })),
  writeNew: async (path, bytes) => {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  copyNew: async (from, to) => {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await realDisk.syncFile(to);
  },
  syncFile: (path) => withOpen(path, async (file) => {
    await file.chmod(0o600);
    await file.sync();
  }),
  syncDir: (path) => withOpen(path, (file) => file.sync()),
  link: (from, to) => unless('EEXIST', () => link(from, to)),
  rename,
  unlink: async (path) => {
    await unless('ENOENT', () => unlink(path));
  },
  removeDir: async (path) => unless(['ENOTEMPTY', 'EEXIST', 'ENOENT'], () => rmdir(path)),
};

/** The errno name of a system error, or undefined for anything else. */
export function errnoOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** True where something (of any type) has this name. Throws anything but ENOENT. */
export async function exists(path: string): Promise<boolean> {
  return unless('ENOENT', () => stat(path));
}

/** A hidden name beside `final` that nobody else uses; what sweeps recognise as never completed. */
export function temporaryName(base: string): string {
  return `.${base}.${randomBytes(6).toString('hex')}.tmp`;
}

/** Whether `name` was made by temporaryName: such files are never part of a backup. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

async function unless(codes: string | readonly string[], act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) !== undefined && codes.includes(errnoOf(thrown) ?? '')) return false;
    throw thrown;
  }
}

async function withOpen(path: string, act: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'r');
  try {
    await act(file);
  } finally {
    await file.close();
  }
}
