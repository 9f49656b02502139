import { randomBytes } from 'node:crypto';
import { link, open, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError } from '../../errors/bw-error.js';
import { PART_MARK } from '../object-name.js';
import { errnoOf, ltsMissing } from './fs-errors.js';
import { discardPart, FILE_MODE } from './part-file.js';

const NO_LINK_ERRNOS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Writes and links a byte in the LTS root, then removes both names, and tells the bytes free for us. The names are those of unfinished
 * objects, so a crash in between leaves nothing a sweep would not take. Throws LTS_MISSING, LTS_NO_HARD_LINKS; fs errors as they are.
 */
export async function probeRoot(root: string): Promise<{ freeBytes: number }> {
  const stats = await stat(root);
  if (!stats.isDirectory()) throw ltsMissing(root);
  const name = join(root, `probe${PART_MARK}${randomBytes(8).toString('hex')}`);
  try {
    const handle = await open(name, 'wx', FILE_MODE);
    await handle.write('x').finally(() => handle.close());
    await link(name, `${name}-link`).catch((thrown: unknown) => {
      throw NO_LINK_ERRNOS.has(errnoOf(thrown)) ? noHardLinks(root, thrown) : thrown;
    });
  } finally {
    await discardPart(name);
    await discardPart(`${name}-link`);
  }
  const { bavail, bsize } = await statfs(root);
  return { freeBytes: bavail * bsize };
}

function noHardLinks(root: string, cause: unknown): BwError {
  return new BwError('LTS_NO_HARD_LINKS', {
    message: 'this filesystem has no hard links, which publishing without replacing needs',
    retry: 'operator',
    subject: root,
    hint: 'Use a POSIX filesystem (local disk, NFS, Lustre), not an object store or SMB mount.',
    cause,
  });
}
