import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { GridftpServer } from '../../shared/transfer/gridftp/options.js';
import { LineSplitter } from '../../shared/transfer/gridftp/control/lines.js';

export interface FaultProxy {
  readonly server: GridftpServer;
  /** What happens to the next data connections that carry so much, one each; none: they pass. */
  readonly faults: ('flip' | 'cut')[];
  readonly spoiled: () => number;
  /** After so many more commands nothing passes any more, as if whoever sends were killed; null: never. */
  dieAfter: number | null;
  /** Commands that passed. */
  commands: number;
  /** Drops lines of the server's answers, such as a feature. */
  hide: (line: string) => boolean;
  readonly stop: () => Promise<void>;
}

/** Byte of a data connection that is hit: beyond the first header of MODE E, amid the first block. */
const HIT_AT = 5_000;

/** Stands before a GridFTP server without encryption, and spoils what goes over its data connections, in either direction. */
export async function startFaultProxy(target: GridftpServer): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const faults: ('flip' | 'cut')[] = [];
  let spoiled = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const spoil = (): 'flip' | 'cut' | undefined => {
    const fault = faults.shift();
    if (fault !== undefined) spoiled += 1;
    return fault;
  };
  const servers = new Set<ReturnType<typeof createServer>>();
  /** Listens for one end of a data connection and calls the other. */
  const relayTo = async (host: string, port: number): Promise<number> => {
    const relay = createServer((near) => {
      const far = keep(connect({ host, port }));
      keep(near);
      pass(near, far, spoil);
      pass(far, near, spoil);
    });
    servers.add(relay);
    return listen(relay);
  };
  const control = createServer((client) => {
    const server = keep(connect({ host: target.host, port: target.port }));
    keep(client);
    if (proxy.dieAfter === 0) client.destroy();
    passLines(client, server, (line) => (isDead() ? null : rewrite(line, /^(PORT )([\d,]+)(.*)$/, relayTo)));
    passLines(server, client, (line) => (proxy.hide(line) ? null : rewrite(line, /^(227 .*\()([\d,]+)(\).*)$/, relayTo)));
  });
  const isDead = (): boolean => {
    if (proxy.dieAfter === 0) for (const socket of sockets) socket.destroy();
    if (proxy.dieAfter === 0) return true;
    proxy.commands += 1;
    if (proxy.dieAfter !== null) proxy.dieAfter -= 1;
    return false;
  };
  servers.add(control);
  const port = await listen(control);
  const proxy: FaultProxy = {
    server: { scheme: 'ftp', host: '127.0.0.1', port },
    faults,
    spoiled: () => spoiled,
    dieAfter: null,
    commands: 0,
    hide: () => false,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([...servers].map((server) => new Promise((resolve) => { server.close(resolve); })));
    },
  };
  return proxy;
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** `h1,h2,h3,h4,p1,p2` of a line becomes an address of ours that leads there. */
async function rewrite(line: string, pattern: RegExp, relayTo: (host: string, port: number) => Promise<number>): Promise<string> {
  const [, before, address, after] = pattern.exec(line) ?? [];
  if (address === undefined) return line;
  const numbers = address.split(',').map(Number);
  const port = await relayTo(numbers.slice(0, 4).join('.'), (numbers[4] ?? 0) * 256 + (numbers[5] ?? 0));
  return `${before ?? ''}127,0,0,1,${port >> 8},${port & 255}${after ?? ''}`;
}

function passLines(from: Socket, to: Socket, change: (line: string) => Promise<string> | string | null): void {
  const splitter = new LineSplitter();
  let order: Promise<unknown> = Promise.resolve();
  from.on('data', (chunk: Buffer) => {
    for (const line of splitter.take(chunk)) {
      order = order.then(async () => {
        const changed = await change(line);
        if (changed !== null) to.write(`${changed}\r\n`, 'latin1');
      });
    }
  });
  from.on('close', () => { void order.then(() => to.end()); });
}

function pass(from: Socket, to: Socket, spoil: () => 'flip' | 'cut' | undefined): void {
  let at = 0;
  from.on('data', (chunk: Buffer) => {
    const hit = at <= HIT_AT && at + chunk.length > HIT_AT ? spoil() : undefined;
    const place = HIT_AT - at;
    at += chunk.length;
    if (hit === 'cut') {
      to.end(chunk.subarray(0, place));
      from.destroy();
      return;
    }
    if (hit === 'flip') chunk[place] = (chunk[place] ?? 0) ^ 1;
    if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}
