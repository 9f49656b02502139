import type { RequestHandler, Response } from 'express';

/** Elements the browser would fetch from another host on its own. bull-board 9.10.1 links one stylesheet of Google Fonts. */
const EXTERNAL = /<(link|script|img|iframe|source|object|embed)\b[^>]*\b(?:href|src|data)\s*=\s*["']?(?:https?:)?\/\/[^>]*>(?:\s*<\/\1>)?/gi;

/** The page without what it would fetch from other hosts: IE nodes often reach none, and none should learn of us. */
export function withoutExternal(html: string): string {
  return html.replace(EXTERNAL, '');
}

/** The same as a rule for the browser, should a later version load something by script. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Cleans every page sent below it and sets the policy. */
export const offlinePage: RequestHandler = (_request, response, next) => {
  response.set('Content-Security-Policy', POLICY);
  const send = response.send.bind(response);
  response.send = (body: unknown) => send(typeof body === 'string' && isPage(response) ? withoutExternal(body) : body);
  next();
};

/** A rendered view has no type yet when it is sent; JSON has, and must not be touched. */
function isPage(response: Response): boolean {
  return (response.get('Content-Type') ?? 'text/html').startsWith('text/html');
}
