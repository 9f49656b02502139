import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GridftpAuth } from '../../shared/transfer/gridftp/options.js';

const run = promisify(execFile);

/** A certification authority of one test, what it signed for a server and a user, and how both are told. */
export interface Authority {
  readonly auth: Extract<GridftpAuth, { kind: 'gsi' }>;
  readonly serverEnv: Readonly<Record<string, string>>;
  /** Certificate and key of another user: mapped to no account, or expired. */
  readonly issue: (name: string, days?: 'valid' | 'expired') => Promise<{ certFile: string; keyFile: string }>;
}

const CA = '/O=bw-test/CN=authority';
const USER = '/O=bw-test/CN=alice';

/** `account`: who the user is at the server. */
export async function makeAuthority(dir: string, account: string): Promise<Authority> {
  const at = (name: string): string => join(dir, name);
  await chmod(dir, 0o711); // the server reads the CA once more as the user's account
  await mkdir(at('ca'), { mode: 0o755 });
  await writeFile(at('index.txt'), '');
  await writeFile(at('openssl.cnf'), configOf(dir));
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', CA);
  const hash = (await openssl('x509', '-in', at('ca.pem'), '-noout', '-hash')).trim();
  await run('cp', [at('ca.pem'), at(`ca/${hash}.0`)]);
  await writeFile(at(`ca/${hash}.signing_policy`), `access_id_CA X509 '${CA}'\npos_rights globus CA:sign\ncond_subjects globus '"/O=bw-test/*"'\n`);
  await writeFile(at('gridmap'), `"${USER}" ${account}\n`);
  const issue = async (name: string, days: 'valid' | 'expired' = 'valid', extensions = 'user'): Promise<{ certFile: string; keyFile: string }> => {
    const file = `${name}-${days}`;
    const [certFile, keyFile, request] = [at(`${file}.pem`), at(`${file}.key`), at(`${file}.csr`)];
    await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', request, '-subj', `/O=bw-test/CN=${name}`);
    const period = days === 'valid' ? ['-days', '1'] : ['-startdate', '20240101000000Z', '-enddate', '20240102000000Z'];
    await openssl('ca', '-batch', '-config', at('openssl.cnf'), '-notext', '-in', request, '-out', certFile, '-extensions', extensions, ...period);
    await chmod(keyFile, 0o600);
    return { certFile, keyFile };
  };
  const host = await issue('localhost', 'valid', 'host');
  const user = await issue('alice');
  return {
    auth: { kind: 'gsi', ...user, caDir: at('ca'), subject: null },
    serverEnv: { X509_CERT_DIR: at('ca'), X509_USER_CERT: host.certFile, X509_USER_KEY: host.keyFile, GRIDMAP: at('gridmap') },
    issue,
  };
}

function configOf(dir: string): string {
  return `
[ca]
default_ca = here
[here]
database = ${dir}/index.txt
new_certs_dir = ${dir}
certificate = ${dir}/ca.pem
private_key = ${dir}/ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
organizationName = supplied
commonName = supplied
[host]
subjectAltName = DNS:localhost,IP:127.0.0.1
[user]
keyUsage = digitalSignature,keyEncipherment
`;
}

async function openssl(...args: string[]): Promise<string> {
  return (await run('openssl', args)).stdout;
}
