import type { Reply } from './reply.js';

/** Hashes a server computes, by our names; the order is that of our preference. */
export const HASHES = ['sha512', 'sha256', 'md5'] as const;
export type RemoteHash = (typeof HASHES)[number];

/** What a server says it can (FEAT). */
export interface Features {
  /** The best hash CKSM has; null = none that helps. */
  readonly hash: RemoteHash | null;
  /** Listings over the control channel. */
  readonly mlsc: boolean;
  /** Data channels can do without authentication. */
  readonly dcau: boolean;
}

export function parseFeatures(reply: Reply): Features {
  const words = reply.lines.map((line) => line.trim().toUpperCase());
  const cksm = words.find((word) => word.startsWith('CKSM ')) ?? '';
  const offered = cksm.slice(5).split(/[;,]/).map((each) => each.split(':')[0]?.trim().replace('-', '').toLowerCase());
  return {
    hash: HASHES.find((hash) => offered.includes(hash)) ?? null,
    mlsc: words.includes('MLSC'),
    dcau: words.includes('DCAU'),
  };
}

/** What a server tells of one name (MLST, MLSC, MLSD). */
export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'dir' | 'other';
  readonly bytes: number;
  /** Milliseconds since the epoch, by the server's clock; 0 = not told. */
  readonly modifiedMs: number;
}

/** ` Type=file;Size=7;Modify=20261126152102; name`: facts, one blank, the name. Null for any other line. */
export function parseEntry(line: string): Entry | null {
  const match = /^ ?((?:[^;= ]+=[^;]*;)+) (.+)$/.exec(line);
  if (match === null) return null;
  const facts = new Map((match[1] ?? '').split(';').map((fact) => [fact.split('=')[0]?.toLowerCase() ?? '', fact.slice(fact.indexOf('=') + 1)]));
  const type = (facts.get('type') ?? '').toLowerCase();
  return {
    name: match[2] ?? '',
    kind: type === 'file' ? 'file' : type === 'dir' || type === 'cdir' ? 'dir' : 'other',
    bytes: Number(facts.get('size') ?? 0),
    modifiedMs: parseModified(facts.get('modify')),
  };
}

function parseModified(text: string | undefined): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(text ?? '');
  if (match === null) return 0;
  const [year = 0, month = 1, ...rest] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...(rest as [number, number, number, number]));
}
