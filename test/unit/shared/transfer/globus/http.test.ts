import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Http } from '../../../../../shared/transfer/globus/http.js';
import { collectGarbage } from '../../../../helpers/collect-garbage.js';

/** A service that takes requests and does `begin` with each; says when one came. */
async function silentService(begin: (response: ServerResponse) => void): Promise<{ url: URL; asked: Promise<unknown> }> {
  const server = createServer((_, response) => { begin(response); });
  const asked = once(server, 'request');
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v0.10/task/1`), asked };
}

it.each([
  ['an answer', () => undefined],
  ['the end of an answer', (response: ServerResponse) => response.write('{"')],
])('who can give up waits for %s no longer than the limit, whatever garbage was collected meanwhile', async (_, begin) => {
  const { url, asked } = await silentService(begin);
  const http = new Http({ lts: 'tape', limiter: null, timeoutMs: 300, sleep: () => Promise.reject(new Error('no second try')) });
  const asking = http.json({ method: 'GET', url, headers: () => Promise.resolve({}), signal: new AbortController().signal });
  await asked;
  collectGarbage();
  await expect(asking).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' }); // what a second try would wait for
});
