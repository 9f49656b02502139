import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { BwError } from '../errors/bw-error.js';

/**
 * Where a restore may write: inside a configured allowed target, after all symbolic links of the part that exists are
 * followed. Returns the real path. Throws RESTORE_TARGET_REFUSED.
 */
export async function checkRestoreTarget(target: string, allowed: readonly string[]): Promise<string> {
  if (!isAbsolute(target)) throw refused(target, allowed, 'it is not an absolute path');
  const real = await realOfExisting(resolve(target));
  for (const root of allowed) {
    const realRoot = await realOfExisting(resolve(root));
    if (isInside(real, realRoot)) return real;
  }
  throw refused(target, allowed, 'it is outside restore.allowedTargets');
}

/** True for `path` itself and everything below `root`. */
export function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (!way.startsWith('../') && way !== '..' && !isAbsolute(way));
}

/** Real path of the longest existing part, with the rest appended. */
async function realOfExisting(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    const parent = dirname(path);
    if (parent === path) return path;
    return resolve(await realOfExisting(parent), relative(parent, path));
  }
}

function refused(target: string, allowed: readonly string[], why: string): BwError {
  return new BwError('RESTORE_TARGET_REFUSED', {
    message: `restoring there is not allowed: ${why}`,
    subject: target,
    detail: `restore.allowedTargets: ${allowed.length === 0 ? '(none)' : allowed.join(', ')}`,
    retry: 'permanent',
    hint: 'Choose a directory below an allowed target, or add one to restore.allowedTargets.',
  });
}
