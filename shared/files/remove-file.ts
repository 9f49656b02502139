import { unlink } from 'node:fs/promises';

/** Removes a file; none being there is fine. One call of the system, where Node's rm makes three. */
export async function removeFile(path: string | Buffer): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
}
