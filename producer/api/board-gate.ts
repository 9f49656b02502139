import type { Request, RequestHandler, Response } from 'express';
import { sendError } from '../../shared/http/index.js';
import { COOKIE, createSession, isSession, sameSecret, SESSION_MS, sessionCookie } from './board-session.js';

export interface GateOptions {
  readonly token: string;
  /** Where the board is mounted: the cookie goes nowhere else. */
  readonly basePath: string;
  readonly readOnly: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const WRITES_REFUSED = {
  code: 'BOARD_READ_ONLY',
  message: 'the board is read-only',
  hint: 'Use `bw-bkup` on the command line, or set http.boardReadOnly to false.',
} as const;

/** Lets a request through to the board: page, static files and API alike. */
export function boardGate(options: GateOptions): RequestHandler {
  return (request, response, next) => {
    if (typeof request.query['token'] === 'string' && isRead(request)) {
      openSession(request, response, request.query['token'], options);
      return;
    }
    const bearer = hasBearer(request, options.token);
    if (!bearer && !hasSession(request, options)) refuse(response);
    else if (isRead(request)) next();
    else if (options.readOnly) sendError(response, 405, WRITES_REFUSED);
    else if (isOurPage(request, bearer)) next();
    else sendError(response, 403, { code: 'BOARD_CROSS_SITE', message: 'this came from another site', hint: 'Use the page of the board itself.' });
  };
}

function isRead(request: Request): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

/** The token leaves the address bar, the history and the Referer with the redirect. */
function openSession(request: Request, response: Response, given: string, { token, basePath, now }: GateOptions): void {
  if (!sameSecret(given, token)) {
    refuse(response);
    return;
  }
  const cookie = { httpOnly: true, sameSite: 'strict', path: basePath, maxAge: SESSION_MS, secure: request.secure } as const;
  response.cookie(COOKIE, createSession(token, now()), cookie);
  const { pathname, searchParams } = new URL(request.originalUrl, 'http://board.invalid');
  searchParams.delete('token');
  const rest = searchParams.toString();
  response.redirect(303, rest === '' ? pathname : `${pathname}?${rest}`);
}

function hasBearer(request: Request, token: string): boolean {
  const [scheme = '', given = ''] = (request.headers.authorization ?? '').split(' ');
  return scheme.toLowerCase() === 'bearer' && sameSecret(given, token);
}

function hasSession(request: Request, { token, now }: GateOptions): boolean {
  const cookie = sessionCookie(request.headers.cookie);
  return cookie !== null && isSession(cookie, token, now());
}

/**
 * Browsers name where a request comes from; one that says nothing is no browser and must bring the token
 * itself. Sec-Fetch-Site first: behind a proxy, Host is not what the browser saw.
 */
function isOurPage(request: Request, bearer: boolean): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = request.headers;
  if (origin === undefined) return bearer;
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase();
}

function refuse(response: Response): void {
  response.set('WWW-Authenticate', 'Bearer realm="bw-bkup"');
  sendError(response, 401, {
    code: 'BOARD_TOKEN_REQUIRED',
    message: 'the board needs its token',
    hint: 'Open /queues?token=... with the token of http.tokenFile, or http.token in state.dir.',
  });
}
