import { Agent, get, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { isLoopback } from '../../../../shared/http/listen.js';
import { watchEventLoop } from '../../../../shared/http/event-loop.js';
import { serve } from './server.js';

test('/healthz reports the event loop and further checks', async () => {
  const { url } = await serve({ health: { memory: () => ({ rssBytes: 7 }) } });
  const response = await fetch(`${url}/healthz`);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    ok: true,
    checks: {
      eventLoop: { ok: true, facts: { maxDelayMs: expect.any(Number) as number } },
      memory: { ok: true, facts: { rssBytes: 7 } },
    },
  });
});

test('a blocked event loop is told once, by how late it was', () => {
  let now = 0;
  const eventLoop = watchEventLoop(() => now);
  now += 1_200;
  expect(eventLoop.read()).toEqual({ maxDelayMs: 1_000 });
  now += 100;
  expect(eventLoop.read()).toEqual({ maxDelayMs: 0 });
  eventLoop.stop();
});

test('/readyz is 503 when one check fails, with code and hint but no stack', async () => {
  const down = new BwError('REDIS_UNREACHABLE', { message: 'no answer', retry: 'retry', hint: 'start it' });
  const { url } = await serve({ ready: { catalog: () => undefined, redis: () => Promise.reject(down) } });
  const response = await fetch(`${url}/readyz`);
  expect(response.status).toBe(503);
  const text = await response.text();
  expect(JSON.parse(text)).toEqual({
    ok: false,
    checks: {
      catalog: { ok: true },
      redis: { ok: false, error: { code: 'REDIS_UNREACHABLE', message: 'no answer', hint: 'start it' } },
    },
  });
  expect(text).not.toContain('at ');
});

test('a hanging check costs its deadline and is not started again', async () => {
  let started = 0;
  const hang = (): Promise<never> => {
    started += 1;
    return new Promise(() => undefined);
  };
  const { url } = await serve({ ready: { lustre: hang }, checkTimeoutMs: 20 });
  for (const path of ['/readyz', '/readyz?again']) {
    const response = await fetch(url + path);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ checks: { lustre: { error: { code: 'CALL_TIMEOUT' } } } });
  }
  expect(started).toBe(1);
});

test('/metrics answers in the format of Prometheus', async () => {
  const { url } = await serve();
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(await response.text()).toContain('bw_build_info{');
});

test('every answer carries the security headers and none names the software', async () => {
  const { url } = await serve();
  for (const path of ['/healthz', '/metrics', '/nothing']) {
    const { headers } = await fetch(url + path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.has('x-powered-by')).toBe(false);
  }
});

test('errors are JSON without stack; ours are logged with the path but not the query', async () => {
  const { url, log } = await serve({
    extend: (app) =>
      app.get('/broken', () => {
        throw new Error('the secret detail');
      }),
  });
  const missing = await fetch(`${url}/nothing`);
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ error: { code: 'HTTP_NOT_FOUND' } });
  const broken = await fetch(`${url}/broken?token=abc`);
  const text = await broken.text();
  expect(broken.status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ error: { code: 'HTTP_INTERNAL' } });
  expect(text).not.toMatch(/secret detail|http-server|node_modules/);
  const errors = log.filter(({ level }) => level === 'error');
  expect(errors).toHaveLength(1);
  expect(errors[0]?.fields).toMatchObject({ path: '/broken', err: { message: 'the secret detail' } });
  expect(JSON.stringify(errors)).not.toContain('abc');
});

test('a path that cannot be decoded is the fault of the client', async () => {
  const { url, log } = await serve({ extend: (app) => app.get('/one/:name', (_request, response) => response.end()) });
  const response = await fetch(`${url}/one/%E0%A4%A`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: 'HTTP_BAD_REQUEST' } });
  expect(log.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a port in use is named, with what to do', async () => {
  const { port } = await serve();
  await expect(serve({ port })).rejects.toMatchObject({
    code: 'HTTP_PORT_IN_USE',
    retry: 'operator',
    subject: `127.0.0.1:${port}`,
    hint: expect.stringContaining('another http port') as string,
  });
});

test('an address of another host is refused', async () => {
  await expect(serve({ bind: '192.0.2.1' })).rejects.toMatchObject({ code: 'HTTP_BIND_FAILED', retry: 'operator' });
});

test('only an address beyond loopback is warned about', async () => {
  const warnings = async (bind: string) => (await serve({ bind })).log.filter(({ level }) => level === 'warn');
  expect(await warnings('127.0.0.1')).toEqual([]);
  expect(await warnings('0.0.0.0')).toHaveLength(1);
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.evil.example', false],
  ['10.127.0.1', false],
])('isLoopback(%s) is %s', (bind, expected) => {
  expect(isLoopback(bind)).toBe(expected);
});

test('close ends idle kept-alive sockets at once and lets an answer under way finish', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let entered = (): void => undefined;
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const server = await serve({
    closeGraceMs: 60_000,
    extend: (app) =>
      app.get('/slow', async (_request, response) => {
        entered();
        await held;
        response.json({ done: true });
      }),
  });
  const agent = new Agent({ keepAlive: true });
  await body(await request(`${server.url}/healthz`, agent));
  const slow = request(`${server.url}/slow`, agent);
  await inside;
  const closing = server.close();
  release();
  expect(await body(await slow)).toBe('{"done":true}');
  const startedAt = performance.now();
  await closing;
  // Without ending it, the socket would live for the keep-alive timeout of 5 s.
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  agent.destroy();
});

test('an answer that never ends is cut after the grace', async () => {
  let entered = (): void => undefined;
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const server = await serve({
    closeGraceMs: 20,
    extend: (app) =>
      app.get('/never', () => {
        entered();
      }),
  });
  const never = fetch(`${server.url}/never`);
  const refused = expect(never).rejects.toThrow();
  await inside;
  await server.close();
  await refused;
});

function request(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).on('error', reject);
  });
}

async function body(response: IncomingMessage): Promise<string> {
  return Buffer.concat((await response.toArray()) as Buffer[]).toString();
}
