import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from './remove-file.js';

/** Removes a directory of ours and all below it; none being there is fine. A call of the system per entry, where Node's rm makes three. */
export async function removeTree(dir: string): Promise<void> {
  try {
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) await removeTree(path);
      else await removeFile(path);
    }
    await rmdir(dir);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
}
