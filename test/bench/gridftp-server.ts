import { chmod } from 'node:fs/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { startPipeline } from '../../shared/process/index.js';
import type { GridftpServer } from '../../shared/transfer/gridftp/options.js';

/** The server that `npm run gridftp-server` starts, for `dir`, which is made. Its account has to get there. */
export async function startBenchServer(dir: string): Promise<{ readonly server: GridftpServer; readonly stop: () => Promise<void> }> {
  for (const above of [dirname(dirname(dir)), dirname(dir)]) await chmod(above, 0o711);
  const port = await freePort();
  const { stdout, stop, done } = startPipeline([{ program: 'sh', args: ['deploy/gridftp-server.sh', dir, String(port)] }]);
  stdout.resume();
  const failed = done.then(() => { throw new Error('globus-gridftp-server did not start'); });
  failed.catch(() => undefined); // it ends at the end
  while (!(await Promise.race([greets(port), failed])));
  return {
    server: { scheme: 'ftp', host: '127.0.0.1', port },
    stop: async () => {
      stop();
      await done;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function greets(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const greeted = await Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false);
  socket.destroy();
  return greeted;
}
