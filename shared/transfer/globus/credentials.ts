import { readFile, stat } from 'node:fs/promises';
import { BwError } from '../../errors/bw-error.js';

export interface Credentials {
  readonly clientId: string;
  readonly secret: string;
}

const LINE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\S+)$/i;

/** Client id and secret from a file that only its owner may read. Throws GLOBUS_CLIENT_UNUSABLE, which never tells what the file holds. */
export async function readCredentials(file: string, lts: string): Promise<Credentials> {
  const { text, mode } = await read(file, lts);
  if ((mode & 0o077) !== 0) throw unusable(file, lts, `its mode is 0${(mode & 0o777).toString(8)}: others can read it`);
  const [, clientId, secret] = LINE.exec(text.split('\n')[0]?.trim() ?? '') ?? [];
  if (clientId === undefined || secret === undefined) throw unusable(file, lts, 'its first line is not CLIENT_ID:SECRET');
  return { clientId, secret };
}

async function read(file: string, lts: string): Promise<{ text: string; mode: number }> {
  try {
    return { mode: (await stat(file)).mode, text: await readFile(file, 'utf8') };
  } catch (thrown) {
    throw unusable(file, lts, (thrown as Error).message, thrown);
  }
}

function unusable(file: string, lts: string, why: string, cause?: unknown): BwError {
  return new BwError('GLOBUS_CLIENT_UNUSABLE', {
    message: `the file with the Globus client cannot be used: ${why}`,
    retry: 'operator',
    subject: file,
    hint: 'lts[].globus.clientFile must be a file of mode 0600, and its first line CLIENT_ID:SECRET of an app registered at developers.globus.org.',
    lts,
    cause,
  });
}
