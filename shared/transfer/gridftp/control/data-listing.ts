import { connect, type Socket } from 'node:net';
import { connectionLost, wordsError } from '../classify.js';
import { LineSplitter } from './lines.js';
import { isPositive, textOf, type Reply } from './reply.js';

export interface DataListingOptions {
  readonly host: string;
  /** The server would authenticate data channels unless told not to; a listing tells no secrets. */
  readonly dcau: boolean;
  readonly stallMs: number;
}

/** A listing over a data channel (MLSD, EPSV), for servers without MLSC. The answer has its lines, or is the server's refusal. */
export async function listOverData(send: (command: string) => Promise<Reply>, path: string, options: DataListingOptions): Promise<Reply> {
  if (options.dcau) await send('DCAU N');
  const passive = await send('EPSV');
  const port = /\(\|\|\|(\d+)\|\)/.exec(passive.lines.join(' '))?.[1];
  if (!isPositive(passive) || port === undefined) throw wordsError(textOf(passive), path);
  const socket = connect({ host: options.host, port: Number(port) });
  socket.setTimeout(options.stallMs, () => { socket.destroy(new Error('the data connection timed out')); });
  const lines = collectLines(socket);
  try {
    const reply = await Promise.race([send(`MLSD ${path}`), lines.then(() => new Promise<never>(() => undefined))]);
    return isPositive(reply) ? { code: reply.code, lines: await lines } : reply;
  } finally {
    socket.destroy();
  }
}

function collectLines(socket: Socket): Promise<string[]> {
  const splitter = new LineSplitter();
  const found: string[] = [];
  const lines = new Promise<string[]>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => { found.push(...splitter.take(chunk)); });
    socket.once('end', () => { resolve(found); });
    socket.once('error', (error) => { reject(connectionLost(error)); });
  });
  lines.catch(() => undefined); // the answer to MLSD may come first, and say more
  return lines;
}
