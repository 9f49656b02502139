import { statfs } from 'node:fs/promises';

/** Less than one small write, bytes. */
const LITTLE = 64 * 1024;

/** Whether the filesystem of a directory has no room left for us; a quota is not seen. */
export async function isFull(dir: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize < LITTLE;
}
