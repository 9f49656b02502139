import { randomBytes } from 'node:crypto';
import { link, lstat, open, opendir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = '.bw-check-';

/** Whoever tries is done in moments, or hangs on a mount in trouble: an hour later its file is nobody's. */
const STALE_MS = 3_600_000;

/**
 * Makes an empty file in a directory, with a second link if asked, and removes both: permission bits say little about network filesystems and root.
 * Throws the kernel's error of what cannot be done. One that is killed in between leaves files for removeTried().
 */
export async function tryWriting(dir: string, withLink: boolean): Promise<void> {
  const file = join(dir, `${PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await (await open(file, 'wx', 0o600)).close();
    if (withLink) await link(file, `${file}.link`);
  } finally {
    await rm(`${file}.link`, { force: true });
    await rm(file, { force: true });
  }
}

/** Removes what killed programs left of tryWriting() in a directory. Returns how many files that were; throws the kernel's error. */
export async function removeTried(dir: string, now: Date): Promise<number> {
  let removed = 0;
  for await (const entry of await opendir(dir)) {
    if (!entry.name.startsWith(PREFIX)) continue;
    const file = join(dir, entry.name);
    const status = await lstat(file).catch(() => null); // whose program is done
    if (status?.isFile() !== true || status.size > 0 || now.getTime() - status.mtimeMs < STALE_MS) continue;
    await rm(file, { force: true });
    removed++;
  }
  return removed;
}
