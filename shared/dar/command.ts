import { randomBytes } from 'node:crypto';
import { mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasProgram, resolveProgram, type Arg, type Command } from '../process/index.js';

/** PATH of every dar from now on; null = ours. */
let path: string | null = null;

/** How dar is started. */
export function darCommand(args: readonly Arg[]): Command {
  return { program: 'dar', args, ...(path === null ? {} : { env: { PATH: path } }) };
}

/**
 * Gives every dar of this process a PATH with nothing but gpg, in `dir` (ours, made). Its libgpgme starts gpgconf three times, gpg and gpgsm at every
 * start to see what GnuPG can do: 9 of the 12 ms that a dar of a few files takes. We give passphrases, never public keys; but
 * without any gpg dar asks a question that -Q answers by giving up. Nothing changes on a host that has none.
 */
export async function hideGnupgFromDar(dir: string): Promise<void> {
  if (!hasProgram('gpg')) return;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const link = join(dir, `gpg.${randomBytes(4).toString('hex')}`);
  await symlink(resolveProgram('gpg'), link);
  await rename(link, join(dir, 'gpg')); // replaces one that may lead nowhere
  path = dir;
}
