import { createServer, type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { SessionPool } from '../../../../../../shared/transfer/gridftp/control/session-pool.js';

it('an abort ends the login at a server that accepts and says nothing', async () => {
  const server = createServer((socket) => { socket.on('error', () => undefined); });
  const reached = new Promise<void>((resolve) => { server.once('connection', () => { resolve(); }); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  onTestFinished(() => { server.close(); });
  const { port } = server.address() as AddressInfo;
  const pool = new SessionPool({ server: { scheme: 'ftp', host: '127.0.0.1', port }, auth: { kind: 'anonymous' }, stallMs: 60_000 });
  const stop = new AbortController();
  const used = pool.use(() => Promise.resolve('reached'), stop.signal);
  await reached;
  stop.abort();
  await expect(used).rejects.toMatchObject({ code: 'TRANSFER_IO' });
});
