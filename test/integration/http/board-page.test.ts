import { expect, test } from 'vitest';
import { withoutExternal } from '../../../producer/api/offline-page.js';
import { SESSION_MS } from '../../../producer/api/board-session.js';
import { BEARER, serveBoard, TOKEN } from './board-server.js';

test('the page refers to nothing outside, and all it refers to is there', async () => {
  const { url } = await serveBoard([]);
  const response = await fetch(`${url}/queues/`, { headers: BEARER });
  const page = await response.text();
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(page).toContain('<div id="root">');
  expect(page).toContain('<base href="/queues/" />');
  const references = [...page.matchAll(/\b(?:href|src)="([^"]*)"/g)].map(([, reference]) => reference ?? '');
  expect(references.filter((reference) => /^(?:[a-z]+:)?\/\//i.test(reference))).toEqual([]);
  expect(page).not.toMatch(/https?:\/\//);
  const files = references.filter((reference) => reference.startsWith('static/'));
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) await expectLocal(`${url}/queues/${file}`);
});

async function expectLocal(address: string): Promise<void> {
  const response = await fetch(address, { headers: BEARER });
  expect([address, response.status]).toEqual([address, 200]);
  const text = await response.text();
  if (address.endsWith('.css')) expect(text).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//);
}

test('the browser is told to load from here only', async () => {
  const { url } = await serveBoard([]);
  const { headers } = await fetch(`${url}/queues`, { headers: BEARER });
  const policy = Object.fromEntries(
    (headers.get('content-security-policy') ?? '').split('; ').map((rule) => [rule.slice(0, rule.indexOf(' ')), rule.slice(rule.indexOf(' ') + 1)]),
  );
  expect(policy).toMatchObject({ 'default-src': "'none'", 'script-src': "'self'", 'connect-src': "'self'", 'font-src': "'self'" });
  expect(Object.values(policy).join(' ')).not.toMatch(/https?:|\*/);
  expect(headers.has('x-powered-by')).toBe(false);
});

test('external elements are cut out, own ones and links stay', () => {
  const page = [
    '<link href="https://fonts.example/css?x" rel="stylesheet">',
    '<script defer src="//cdn.example/a.js"></script>',
    "<img src='http://img.example/a.png'>",
    '<link href="static/a.css" rel="stylesheet">',
    '<a href="https://docs.example">docs</a>',
  ];
  expect(withoutExternal(page.join('\n')).trim().split('\n')).toEqual(page.slice(3));
});

test('the token in the address opens a session once and leaves the address', async () => {
  const { url } = await serveBoard([]);
  const opened = await fetch(`${url}/queues/queue/backup?status=failed&token=${TOKEN}`, { redirect: 'manual' });
  expect(opened.status).toBe(303);
  expect(opened.headers.get('location')).toBe('/queues/queue/backup?status=failed');
  const [cookie = '', ...attributes] = (opened.headers.getSetCookie()[0] ?? '').split('; ');
  expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/queues']));
  expect(cookie).not.toContain(TOKEN);
  const page = await fetch(`${url}/queues/queue/backup?status=failed`, { headers: { cookie: `other=1; ${cookie}` } });
  expect(page.status).toBe(200);
});

test('a wrong token in the address opens nothing, even beside a valid session', async () => {
  const { url } = await serveBoard([]);
  for (const path of ['/queues?token=wrong', `/queues?token=${TOKEN}x`, '/queues?token=']) {
    const response = await fetch(url + path, { redirect: 'manual', headers: BEARER });
    expect([path, response.status, response.headers.getSetCookie()]).toEqual([path, 401, []]);
  }
});

test('a session ends after its time, and when it is altered', async () => {
  let now = 1_000_000;
  const { url } = await serveBoard([], { now: () => now });
  const opened = await fetch(`${url}/queues?token=${TOKEN}`, { redirect: 'manual' });
  const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const status = async (sent: string) => (await fetch(`${url}/queues`, { headers: { cookie: sent } })).status;
  expect(await status(cookie)).toBe(200);
  expect(await status(cookie.replace(String(now + SESSION_MS), String(now + 2 * SESSION_MS)))).toBe(401);
  now += SESSION_MS;
  expect(await status(cookie)).toBe(401);
});

test('health and metrics need no token', async () => {
  const { url } = await serveBoard([]);
  for (const path of ['/healthz', '/readyz', '/metrics']) expect((await fetch(url + path)).status).toBe(200);
});
