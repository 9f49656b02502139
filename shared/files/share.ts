import { chmod, chown } from 'node:fs/promises';
import { BwError } from '../errors/bw-error.js';

/**
 * What members of a group may do in a directory of ours: reach files whose names they were told, or also put files there (which get the group, and which nobody but their
 * owner and the directory's can remove or replace).
 */
export type SharedFor = 'reaching' | 'putting';

const DIRECTORY_MODES: Readonly<Record<SharedFor, number>> = { reaching: 0o710, putting: 0o3770 };
const FILE_MODE = 0o640;

/** Lets a group into a directory. Throws STAGING_GROUP_REFUSED. */
export function shareDirectory(dir: string, group: number, what: SharedFor): Promise<void> {
  return share(dir, group, DIRECTORY_MODES[what]);
}

/** Lets a group read a file. Throws STAGING_GROUP_REFUSED. */
export function shareFile(file: string, group: number): Promise<void> {
  return share(file, group, FILE_MODE);
}

/** The group first: the one before must not get its rights. */
async function share(path: string, group: number, mode: number): Promise<void> {
  try {
    await chown(path, -1, group);
    await chmod(path, mode);
  } catch (cause) {
    throw new BwError('STAGING_GROUP_REFUSED', {
      message: `this cannot be given to group ${group}`,
      retry: 'operator',
      subject: path,
      hint: 'The user bw-bkup runs as has to be a member of the group staging.group names (or root), and the filesystem has to allow chown.',
      cause,
      detail: String(cause),
    });
  }
}
