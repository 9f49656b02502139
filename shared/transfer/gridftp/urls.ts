import type { GridftpServer } from './options.js';

/** Both ends of one copy, as globus-url-copy wants them; `-` is standard input or output. */
export interface UrlPair {
  readonly from: string;
  readonly to: string;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** It has to be encoded: a raw `#`, `%` or non-ASCII character makes globus-url-copy refuse the URL, and tell it in full. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function encodePath(path: string): string {
  return path.split('/').map(encodePart).join('/');
}

export function fileUrl(path: string): string {
  return `file://${encodePath(path)}`;
}

/** A login in a URL is for lists only: the arguments of a process are public. */
export function remoteUrl(server: GridftpServer, path: string, login: Login | null): string {
  const who = login === null ? '' : `${encodePart(login.user)}:${encodePart(login.password)}@`;
  return `${server.scheme}://${who}${server.host}:${server.port}${encodePath(path)}`;
}

/** The text of a list (`-f`). */
export function listText(pairs: readonly UrlPair[]): string {
  return pairs.map(({ from, to }) => `"${from}" "${to}"\n`).join('');
}
