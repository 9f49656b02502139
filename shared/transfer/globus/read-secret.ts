import { readFile, stat } from 'node:fs/promises';
import { BwError } from '../../errors/bw-error.js';

/** The secret of a Globus client from a file that only its owner may read. Throws GLOBUS_SECRET_UNUSABLE, which never tells what the file holds. */
export async function readSecret(file: string, lts: string): Promise<string> {
  const { text, mode } = await read(file, lts);
  if ((mode & 0o077) !== 0) throw unusable(file, lts, `its mode is 0${(mode & 0o777).toString(8)}: others can read it`);
  const secret = text.split('\n')[0]?.trim() ?? '';
  if (secret === '') throw unusable(file, lts, 'its first line is empty');
  return secret;
}

async function read(file: string, lts: string): Promise<{ text: string; mode: number }> {
  try {
    return { mode: (await stat(file)).mode, text: await readFile(file, 'utf8') };
  } catch (thrown) {
    throw unusable(file, lts, (thrown as Error).message, thrown);
  }
}

function unusable(file: string, lts: string, why: string, cause?: unknown): BwError {
  return new BwError('GLOBUS_SECRET_UNUSABLE', {
    message: `the file with the secret of the Globus client cannot be used: ${why}`,
    retry: 'operator',
    subject: file,
    hint: 'lts[].globus.secretFile must be a file of mode 0600 whose first line is the client secret that developers.globus.org showed.',
    lts,
    cause,
  });
}
