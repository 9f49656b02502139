import { tokenAnswer } from './answers.js';
import { readSecret } from './read-secret.js';
import { faultError, GlobusAnswerError } from './globus-error.js';
import type { Http } from './http.js';
import { checked } from './checked.js';

export const TRANSFER_SCOPE = 'urn:globus:auth:scope:transfer.api.globus.org:all';
const TRANSFER_SERVER = 'transfer.api.globus.org';
/** Asked for anew this long before it ends (it lives for 48 h). */
const EARLY_MS = 60_000;

export interface TokenOptions {
  readonly http: Http;
  readonly lts: string;
  readonly authUrl: string;
  readonly clientId: string;
  readonly secretFile: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Access tokens by the client credentials grant, which has no refresh token: a new one is asked for. The file is read each time, so the secret may change. */
export class Tokens {
  #current: Promise<{ token: string; endsAt: number }> | null = null;
  #scopes: readonly string[] = [TRANSFER_SCOPE];

  constructor(private readonly options: TokenOptions) {}

  async get(): Promise<string> {
    const old = this.#current;
    const known = await old?.catch(() => null);
    if (known !== null && known !== undefined && known.endsAt > this.options.now()) return known.token;
    // Of calls that find it expired at the same time, the first renews it.
    if (this.#current === null || this.#current === old) this.#current = this.#ask();
    return (await this.#current).token;
  }

  /** After a 401: a new one, unless another call got one meanwhile. */
  async replace(refused: string): Promise<void> {
    const known = await this.#current?.catch(() => null);
    if (known?.token === refused) this.#current = null;
  }

  /** Tokens from now on also for these scopes: dependent consents of a collection. False when they were asked for before. */
  require(scopes: readonly string[]): boolean {
    const missing = scopes.filter((scope) => !this.#scopes.includes(scope));
    if (missing.length === 0) return false;
    // A required scope with its dependencies in brackets takes the place of the plain one.
    this.#scopes = [...this.#scopes.filter((scope) => !missing.some((other) => other.startsWith(`${scope}[`))), ...missing];
    this.#current = null;
    return true;
  }

  async #ask(): Promise<{ token: string; endsAt: number }> {
    const { http, authUrl, clientId, secretFile, lts, now } = this.options;
    const secret = await readSecret(secretFile, lts);
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: this.#scopes.join(' ') }).toString();
    const url = new URL('/v2/oauth2/token', authUrl);
    const raw = await http.json({ method: 'POST', url, body, headers: () => Promise.resolve(headersOf(clientId, secret)) }).catch((thrown: unknown) => {
      if (!(thrown instanceof GlobusAnswerError)) throw thrown;
      throw faultError(thrown.status >= 500 ? 'io' : thrown.status === 429 ? 'busy' : 'auth', { lts, subject: url.host, detail: thrown.message, cause: thrown });
    });
    const answer = checked(tokenAnswer, raw, url.pathname, lts);
    const token = [answer, ...answer.other_tokens].find((each) => each.resource_server === TRANSFER_SERVER) ?? answer;
    return { token: token.access_token, endsAt: now() + token.expires_in * 1000 - EARLY_MS };
  }
}

function headersOf(clientId: string, secret: string): Record<string, string> {
  return {
    authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
}
