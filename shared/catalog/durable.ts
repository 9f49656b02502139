import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf, realDisk, temporaryName, type Disk } from './disk.js';

/**
 * Puts `bytes` at `path` so that after a crash it holds either the old content or all of the new (mode 0600).
 * Costs two fsyncs: the file, its directory. Throws the system error; the old file is then untouched.
 */
export async function writeDurable(path: string, bytes: Uint8Array, disk: Disk = realDisk): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    await disk.writeNew(temporary, bytes);
    await disk.rename(temporary, path);
  } catch (thrown) {
    await discard(disk, temporary, thrown);
  }
  await disk.syncDir(dirname(path));
}

/**
 * Gives `temporary` the name `final` if nobody has it: of many callers exactly one gets 'linked'. The temporary
 * name is gone afterwards. Both must be in one directory. `synced`: the caller has fsynced the file already.
 * Throws the system error; whether `final` is linked is then unknown, and asking again answers it.
 */
export async function linkExclusive(
  temporary: string,
  final: string,
  options: { readonly synced?: boolean; readonly disk?: Disk } = {},
): Promise<'linked' | 'taken'> {
  const disk = options.disk ?? realDisk;
  if (options.synced !== true) await disk.syncFile(temporary);
  // NFS may repeat a link whose answer was lost and then report EEXIST for its own success (link(2), open(2)).
  const linked = (await disk.link(temporary, final)) || (await sameFile(temporary, final));
  await disk.unlink(temporary);
  if (linked) await disk.syncDir(dirname(final));
  return linked ? 'linked' : 'taken';
}

/** Makes `path` and missing parents, mode 0700, each fsynced into its parent. Existing ones keep their mode. */
export async function ensureDir(path: string, disk: Disk = realDisk): Promise<void> {
  const made = await makeOrNull(path, disk);
  if (made === null) {
    await ensureDir(dirname(path), disk);
    await ensureDir(path, disk);
  } else if (made) {
    await disk.syncDir(dirname(path));
  }
}

/** `count` random lower-case letters: a nonce that can follow a number without being read as part of it. */
export function letterNonce(count: number): string {
  return Array.from(randomBytes(count), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
}

export async function sameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true })]);
  return first.ino === second.ino && first.dev === second.dev;
}

async function makeOrNull(path: string, disk: Disk): Promise<boolean | null> {
  try {
    return await disk.makeDir(path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' && dirname(path) !== path) return null;
    throw thrown;
  }
}

/** Removes what a failed step left, then reports the failure that mattered. */
async function discard(disk: Disk, temporary: string, thrown: unknown): Promise<never> {
  await disk.unlink(temporary).catch((second: unknown) => {
    throw new AggregateError([thrown, second], 'could not write, nor remove the temporary file');
  });
  throw thrown;
}
