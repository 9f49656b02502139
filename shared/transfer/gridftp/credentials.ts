import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { BwError } from '../../errors/bw-error.js';
import { wordsError } from './classify.js';
import type { GridftpAuth } from './options.js';

export interface GsiCredential {
  readonly cert: string;
  readonly key: string;
  readonly ca: readonly string[];
  /** Of the server, as Globus writes it; null = its certificate must carry the host's name. */
  readonly subject: string | null;
}

type GsiAuth = Extract<GridftpAuth, { kind: 'gsi' }>;

/** Certificate, key and CAs for the control channel. Throws LTS_CREDENTIALS_UNUSABLE, TRANSFER_DENIED (expired). */
export async function readGsi(auth: GsiAuth, nowMs: number): Promise<GsiCredential> {
  const cert = await readText(auth.certFile);
  const key = await readSecret(auth.keyFile);
  refuseExpired(cert, auth.certFile, nowMs);
  return { cert, key, ca: await readAuthorities(auth.caDir), subject: auth.subject };
}

/** How globus-url-copy learns of the same: by environment, as paths. The mode is checked here too, as it runs without a control channel of ours. */
export async function gsiEnvironment(auth: GsiAuth): Promise<Record<string, string>> {
  await assertPrivate(auth.keyFile);
  const own: Record<string, string> = auth.certFile === auth.keyFile ? { X509_USER_PROXY: auth.certFile } : { X509_USER_CERT: auth.certFile, X509_USER_KEY: auth.keyFile };
  return { X509_CERT_DIR: auth.caDir, ...own };
}

/** The first line of a file that only we can read. Throws LTS_CREDENTIALS_UNUSABLE. */
export async function readPassword(file: string): Promise<string> {
  const password = (await readSecret(file)).split('\n')[0]?.trim() ?? '';
  if (password === '') throw unusable(file, 'it is empty');
  return password;
}

function refuseExpired(pem: string, file: string, nowMs: number): void {
  const validTo = expiryOf(pem, file);
  if (validTo.getTime() <= nowMs) throw wordsError(`the certificate in ${file} has expired: it was valid until ${validTo.toISOString()}`, file);
}

function expiryOf(pem: string, file: string): Date {
  try {
    return new Date(new X509Certificate(pem).validTo);
  } catch (thrown) {
    throw unusable(file, 'it holds no certificate (PEM)', thrown as Error);
  }
}

/** As the Globus tools find them: HASH.0, HASH.1, ... */
async function readAuthorities(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((thrown: unknown) => { throw unusable(dir, 'it cannot be read', thrown as Error); });
  const found = names.filter((name) => /^[0-9a-f]{8}\.\d$/.test(name));
  if (found.length === 0) throw unusable(dir, 'there is no HASH.0 in it (openssl rehash makes them)');
  return Promise.all(found.map((name) => readText(join(dir, name))));
}

async function readSecret(file: string): Promise<string> {
  await assertPrivate(file);
  return readText(file);
}

async function assertPrivate(file: string): Promise<void> {
  const { mode } = await stat(file).catch((thrown: unknown) => { throw unusable(file, 'it cannot be read', thrown as Error); });
  if ((mode & 0o077) !== 0) throw unusable(file, `its mode is 0${(mode & 0o777).toString(8)}: others can read it (chmod 600)`);
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((thrown: unknown) => { throw unusable(file, 'it cannot be read', thrown as Error); });
}

function unusable(file: string, why: string, cause?: Error): BwError {
  return new BwError('LTS_CREDENTIALS_UNUSABLE', {
    message: `a file with credentials of the long-term storage cannot be used: ${why}`,
    retry: 'operator',
    subject: file,
    hint: 'It has to be readable by this user and by nobody else; the files are named by lts[].gridftp.',
    ...(cause === undefined ? {} : { cause, detail: cause.message }),
  });
}
