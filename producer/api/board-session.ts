import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A working day; after it the link with the token is needed again. */
export const SESSION_MS = 12 * 3_600_000;
export const COOKIE = 'bw_board';

/** Takes equally long wherever the texts differ; hashing makes the lengths equal. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * Sessions without memory: the cookie is the time it ends and that time signed with the token, so it says
 * nothing of the token, survives a restart and ends when the token is replaced.
 */
export function createSession(token: string, nowMs: number): string {
  const until = String(nowMs + SESSION_MS);
  return `${until}.${sign(token, until)}`;
}

export function isSession(cookie: string, token: string, nowMs: number): boolean {
  const [until = '', signature = ''] = cookie.split('.');
  return sameSecret(signature, sign(token, until)) && Number(until) > nowMs;
}

/** Value of our cookie in a Cookie header. */
export function sessionCookie(header: string | undefined): string | null {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? null;
}

function sign(token: string, until: string): string {
  return createHmac('sha256', token).update(`bw-bkup board session until ${until}`).digest('hex');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
