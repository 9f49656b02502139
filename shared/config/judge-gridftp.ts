import type { LtsSettings, Settings } from './parse-settings.js';
import type { Finding } from './problems.js';

/** The server drops bytes above 0x7f from names without a word, so that two would become one; a blank ends what some answers tell. */
const PLAIN_DIR = /^[A-Za-z0-9._/~+=@,-]+$/;

/** What an LTS behind GridFTP needs, and how it may log in: by one way, which its scheme decides. */
export function badGridftp({ lts }: Settings): Finding[] {
  return lts.flatMap((store, index) => {
    const tell = (key: string, value: string | null, problem: string, remedy: string): Finding => ({ key: `lts[${index}].${key}`, value, problem, remedy });
    if (store.backend !== 'gridftp') return ofOther(store, tell);
    const { url } = store.gridftp;
    if (url === null) return [tell('gridftp.url', null, 'is missing beside backend gridftp', 'Name the server: `gridftp: {url: "gsiftp://HOST:2811"}`.')];
    const plain = store.dir === null || PLAIN_DIR.test(store.dir) ? [] : [tell('dir', store.dir, 'has characters that GridFTP servers lose', 'Use letters, digits and . _ - only.')];
    return [...plain, ...(url.startsWith('gsiftp:') ? badGsi(store, tell) : badLogin(store, tell))];
  });
}

type Tell = (key: string, value: string | null, problem: string, remedy: string) => Finding;

function ofOther({ backend, gridftp: { url } }: LtsSettings, tell: Tell): Finding[] {
  return url === null ? [] : [tell('gridftp.url', url, `is given, but the backend is ${backend}`, 'Write `backend: gridftp`, or remove it.')];
}

function badGsi({ gridftp: { certFile, keyFile, proxyFile, user } }: LtsSettings, tell: Tell): Finding[] {
  if (user !== null) return [tell('gridftp.user', user, 'is given beside gsiftp, where the certificate says who we are', 'Remove it, or write ftp://.')];
  if (proxyFile !== null && certFile === null && keyFile === null) return [];
  if (proxyFile !== null) return [tell('gridftp.proxyFile', proxyFile, 'is given beside a certificate', 'Keep one of them.')];
  if (certFile !== null && keyFile !== null) return [];
  return [tell(certFile === null ? 'gridftp.certFile' : 'gridftp.keyFile', null, 'is missing beside gsiftp', 'Give certFile and keyFile, or proxyFile.')];
}

function badLogin({ gridftp: { certFile, proxyFile, user, passwordFile } }: LtsSettings, tell: Tell): Finding[] {
  const certificate = certFile ?? proxyFile;
  if (certificate !== null) return [tell(certFile === null ? 'gridftp.proxyFile' : 'gridftp.certFile', certificate, 'is given beside ftp, which has no certificates', 'Write gsiftp://, or remove it.')];
  if ((user === null) === (passwordFile === null)) return [];
  return [tell(user === null ? 'gridftp.user' : 'gridftp.passwordFile', null, `is missing beside ${user === null ? 'passwordFile' : 'user'}`, 'Give both, or neither for anonymous access.')];
}
