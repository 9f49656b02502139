import { randomBytes } from 'node:crypto';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import { hasProgram, resolveProgram, run, type Arg, type Command } from '../process/index.js';

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
 *
 * What is left of that is `gpg --version` at every start, 2 of 7 ms: a script answers it with what the installed one said, and passes anything else on.
 */
export async function hideGnupgFromDar(dir: string): Promise<void> {
  if (!hasProgram('gpg')) return;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const made = join(dir, `gpg.${randomBytes(4).toString('hex')}`);
  const gpg = resolveProgram('gpg');
  const answer = await versionOf(gpg);
  if (answer !== null) await writeFile(made, answering(gpg, answer), { mode: 0o700 });
  if (answer === null || (await versionOf(made)) !== answer) await replaceByLink(made, gpg); // a filesystem mounted noexec
  await rename(made, join(dir, 'gpg')); // replaces one that may lead nowhere
  path = dir;
}

async function replaceByLink(path: string, target: string): Promise<void> {
  await removeFile(path);
  await symlink(target, path);
}

/** `gpg (GnuPG) 2.2.40`, or null for one that cannot be started or says something else. */
async function versionOf(gpg: string): Promise<string | null> {
  const answer = await run({ program: gpg, args: ['--version'] }).catch(() => null);
  const line = answer?.stdout.toString('latin1').split('\n')[0] ?? '';
  return /^gpg \([\w ./-]+\) \d[\w.-]*$/.test(line) ? line : null;
}

function answering(gpg: string, version: string): string {
  return `#!/bin/sh\n[ "$*" = --version ] && echo '${version}' && exit\nexec '${gpg.replaceAll("'", "'\\''")}' "$@"\n`;
}
