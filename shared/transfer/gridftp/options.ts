import type { Bandwidth } from '../bandwidth.js';

/** How we prove who we are. Secrets are named by file only, and read each time they are needed: proxies are renewed. */
export type GridftpAuth =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly user: string; readonly passwordFile: string }
  | { readonly kind: 'gsi'; readonly certFile: string; readonly keyFile: string; readonly caDir: string; readonly subject: string | null };

export interface GridftpServer {
  readonly scheme: 'ftp' | 'gsiftp';
  readonly host: string;
  readonly port: number;
}

export interface GridftpOptions {
  readonly name: string;
  readonly server: GridftpServer;
  /** LTS root at the far end, absolute; must exist. */
  readonly dir: string;
  readonly auth: GridftpAuth;
  /** TCP streams of a big object (`globus-url-copy -p`). */
  readonly parallel: number;
  /** Objects on their way at once. */
  readonly concurrent: number;
  readonly bandwidth: Bandwidth;
  /** No byte and no answer for this long is a stall. Default 5 min: storages with tape behind them are slow to open a file. */
  readonly stallMs?: number;
  /** Milliseconds since the epoch, for the age of leftovers. Default: Date.now. */
  readonly now?: () => number;
}

export const DEFAULT_STALL_MS = 300_000;
