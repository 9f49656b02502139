import { readdir, rmdir } from 'node:fs/promises';
import { removeFile } from './remove-file.js';

const SLASH = Buffer.from('/');

/**
 * Removes a directory of ours and all below it; none being there is fine. A call of the system per entry, where Node's rm makes three. Names are bytes: in
 * staging lie skeletons and placeholders of whatever users have.
 */
export async function removeTree(dir: string): Promise<void> {
  await removeBelow(Buffer.from(dir));
}

async function removeBelow(dir: Buffer): Promise<void> {
  try {
    for (const entry of await readdir(dir, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([dir, SLASH, entry.name]);
      if (entry.isDirectory()) await removeBelow(path);
      else await removeFile(path);
    }
    await rmdir(dir);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
}
