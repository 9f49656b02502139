import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { PART_MARK, partTag } from '../object-name.js';
import type { Directories } from './directories.js';
import { errnoOf } from './fs-errors.js';
import { openFile, unlinkFile } from './raw-fs.js';

export const FILE_MODE = 0o600;

/** An unfinished object beside its final name, ours alone. */
export interface PartFile {
  readonly path: string;
  readonly fd: number;
}

/**
 * Opens `<final>.part-<key>-<random>` exclusively, making its directory on the way. The random part lets two putters
 * under one key (a job that was thought dead) run without touching each other's file. fs errors come out as they are.
 */
export async function createPart(directories: Directories, final: string, key: string): Promise<PartFile> {
  const path = `${final}${PART_MARK}${partTag(key)}-${randomBytes(4).toString('hex')}`;
  const dir = dirname(final);
  await directories.ensure(dir);
  try {
    return { path, fd: await openFile(path, 'wx+', FILE_MODE) };
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    directories.forget(dir);
    await directories.ensure(dir);
    return { path, fd: await openFile(path, 'wx+', FILE_MODE) };
  }
}

/** Removes the part; one that is gone already (published by rename, swept) is fine. */
export async function discardPart(path: string): Promise<void> {
  await unlinkFile(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  });
}
