import { parseSentinelUrl } from './sentinel-url.js';

const HIDDEN = '***';

/**
 * A URL without its secrets, for people and logs: the password before `@` and password-like query values become
 * `***`. Text that has no host after all is hidden whole, since nobody can say which part of it is the password.
 */
export function maskUrl(url: string): string {
  if (url.startsWith('/')) return url;
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(url)?.[0];
  if (scheme === undefined || !(URL.canParse(url) || parseSentinelUrl(url) !== null)) return HIDDEN;
  const at = url.lastIndexOf('@');
  const user = at === -1 ? '' : `${url.slice(scheme.length, at).split(':')[0] ?? ''}:${HIDDEN}@`;
  const rest = at === -1 ? url.slice(scheme.length) : url.slice(at + 1);
  return `${scheme}${user}${rest.replace(/([?&](?:password|sentinelPassword|pass|auth|token|secret)=)[^&]*/gi, `$1${HIDDEN}`)}`;
}
