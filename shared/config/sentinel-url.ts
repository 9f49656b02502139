import { isIP } from 'node:net';

/** Where Sentinels look after a Redis. Texts are as they are, not encoded. */
export interface SentinelUrl {
  readonly tls: boolean;
  /** Of Redis; '' = the default user. */
  readonly user: string;
  readonly password: string;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** What the Sentinels call it (`sentinel monitor NAME`). */
  readonly name: string;
  readonly db: number;
  /** Of the Sentinels themselves, which know no users here; '' = they ask for none. */
  readonly sentinelPassword: string;
}

const SENTINEL_PORT = 26_379;
/** The list of hosts is none `new URL` takes. Names are made of what Redis allows there. */
const SENTINEL_URL = /^(rediss?)\+sentinel:\/\/(?:([^:@/?#]*)(?::([^:@/?#]*))?@)?([^@/?#]+)\/([A-Za-z0-9._-]+)(?:\/(\d{1,5}))?(?:\?sentinelPassword=([^@/?#&]+))?$/;
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?))(?::(\d{1,5}))?$/;

/** `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],.../NAME[/DB][?sentinelPassword=PASSWORD]`, or `rediss+sentinel://` (TLS to both); null when it is none. */
export function parseSentinelUrl(url: string): SentinelUrl | null {
  const [, scheme, user = '', password = '', list = '', name = '', db = '0', sentinelPassword = ''] = SENTINEL_URL.exec(url) ?? [];
  const sentinels = list.split(',').flatMap((address) => sentinelAt(address) ?? []);
  const texts = [user, password, sentinelPassword].map(decoded);
  if (scheme === undefined || sentinels.length < list.split(',').length || texts.includes(null)) return null;
  return { tls: scheme === 'rediss', user: texts[0] ?? '', password: texts[1] ?? '', sentinels, name, db: Number(db), sentinelPassword: texts[2] ?? '' };
}

function sentinelAt(address: string): { host: string; port: number } | null {
  const [, ipv6, host = ipv6 ?? '', port = String(SENTINEL_PORT)] = ADDRESS.exec(address) ?? [];
  if (host === '' || (ipv6 !== undefined && isIP(ipv6) !== 6) || Number(port) < 1 || Number(port) > 65_535) return null;
  return { host, port: Number(port) };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // a % that stands for nothing
  }
}

/** What parseSentinelUrl() reads as the same. */
export function sentinelUrlText({ tls, user, password, sentinels, name, db, sentinelPassword }: SentinelUrl): string {
  const login = user === '' && password === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  const hosts = sentinels.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const query = sentinelPassword === '' ? '' : `?sentinelPassword=${encodeURIComponent(sentinelPassword)}`;
  return `redis${tls ? 's' : ''}+sentinel://${login}${hosts.join(',')}/${name}${db === 0 ? '' : `/${db}`}${query}`;
}
