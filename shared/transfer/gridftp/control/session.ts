import { connect, type Socket } from 'node:net';
import { wordsError } from '../classify.js';
import { readGsi, readPassword, type GsiCredential } from '../credentials.js';
import type { GridftpAuth, GridftpServer } from '../options.js';
import { ControlChannel } from './channel.js';
import { parseEntry, parseFeatures, type Entry, type Features, type RemoteHash } from './facts.js';
import { openGsi } from './gsi.js';
import { listOverData } from './data-listing.js';
import { isPositive, saysMissing, textOf, type Reply } from './reply.js';

/** Slowest hashing that is waited for: a server whose disk is busy, over and above the time for an answer. */
const HASH_BYTES_PER_MS = 5_000;

export interface SessionOptions {
  readonly server: GridftpServer;
  readonly auth: GridftpAuth;
  /** Longest time without an answer. */
  readonly stallMs: number;
}

/** Logs in. An abort ends that at once: a server that does not answer would hold up who stops for minutes. Throws TRANSFER_DENIED, TRANSFER_IO, LTS_CREDENTIALS_UNUSABLE. */
export async function openSession(options: SessionOptions, signal?: AbortSignal): Promise<ControlSession> {
  const { server, auth } = options;
  const credential = auth.kind === 'gsi' ? await readGsi(auth, Date.now()) : null;
  signal?.throwIfAborted();
  const socket = connect({ host: server.host, port: server.port, noDelay: true, keepAlive: true });
  const onAbort = (): void => { socket.destroy(new Error('closed by us: the transfer was stopped')); };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await openOver(socket, credential, options);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function openOver(socket: Socket, credential: GsiCredential | null, options: SessionOptions): Promise<ControlSession> {
  const { server, auth, stallMs } = options;
  const channel = new ControlChannel(credential === null ? socket : await openGsi(socket, server.host, credential, stallMs));
  try {
    if (credential === null) demand(await channel.expect(stallMs));
    await logIn(channel, auth, stallMs);
    const features = parseFeatures(await channel.send('FEAT', stallMs));
    demand(await channel.send('TYPE I', stallMs));
    await channel.send('OPTS MLST type;size;modify;', stallMs);
    return new ControlSession(channel, socket, features, options);
  } catch (thrown) {
    channel.destroy();
    throw thrown;
  }
}

async function logIn(channel: ControlChannel, auth: GridftpAuth, stallMs: number): Promise<void> {
  const [user, password] = auth.kind === 'anonymous' ? ['anonymous', 'bw-bkup@']
    : auth.kind === 'gsi' ? [':globus-mapping:', 'dummy']
    : [auth.user, await readPassword(auth.passwordFile)];
  const asked = demand(await channel.send(`USER ${user}`, stallMs));
  if (asked.code === 331) demand(await channel.send(`PASS ${password}`, stallMs));
}

function demand(reply: Reply, subject?: string): Reply {
  if (!isPositive(reply)) throw wordsError(textOf(reply), subject);
  return reply;
}

/** One login at a GridFTP server, and what is done over it. Paths are absolute and of plain characters. Calls may overlap: they are pipelined. */
export class ControlSession {
  readonly features: Features;
  readonly #channel: ControlChannel;
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #stallMs: number;

  constructor(channel: ControlChannel, socket: Socket, features: Features, options: SessionOptions) {
    this.#channel = channel;
    this.#socket = socket;
    this.features = features;
    this.#options = options;
    this.#stallMs = options.stallMs;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /** An idle session keeps no process alive. */
  setIdle(idle: boolean): void {
    if (idle) this.#socket.unref();
    else this.#socket.ref();
  }

  destroy(): void {
    this.#channel.destroy();
  }

  /** Null when there is nothing of that name. */
  async look(path: string): Promise<Entry | null> {
    const reply = await this.#send(`MLST ${path}`);
    if (saysMissing(reply)) return null;
    const [entry] = demand(reply, path).lines.flatMap((line) => parseEntry(line) ?? []);
    if (entry === undefined) throw wordsError(`MLST told nothing of ${path}: ${textOf(reply)}`, path);
    return entry;
  }

  /** Null when there is none of that name. A directory has a size too. */
  async size(path: string): Promise<number | null> {
    const reply = await this.#send(`SIZE ${path}`);
    if (saysMissing(reply)) return null;
    return Number(demand(reply, path).lines[0]?.trim());
  }

  /** Hash (lower-case hex) of `length` bytes (-1 = to the end) from `offset` on, computed by the server; null when there is nothing of that name. `bytes` bounds how long that may take. */
  async hash(algorithm: RemoteHash, path: string, range: { readonly offset: number; readonly length: number }, bytes: number): Promise<string | null> {
    const reply = await this.#channel.send(`CKSM ${algorithm.toUpperCase()} ${range.offset} ${range.length} ${path}`, this.#stallMs + bytes / HASH_BYTES_PER_MS);
    if (saysMissing(reply)) return null;
    return (demand(reply, path).lines[0] ?? '').trim().toLowerCase();
  }

  /** A directory that is there is no error; its parent has to be. New ones are for us alone, as archives hold what users keep private. */
  async makeDirectory(path: string): Promise<'made' | 'there' | 'no-parent'> {
    const reply = await this.#send(`MKD ${path}`);
    if (isPositive(reply)) {
      await this.#send(`SITE CHMOD 0700 ${path}`); // not every server has it
      return 'made';
    }
    if (saysMissing(reply)) return 'no-parent';
    const there = await this.look(path);
    if (there?.kind !== 'dir') throw wordsError(textOf(reply), path);
    return 'there';
  }

  /** Replaces what has the new name. */
  async rename(from: string, to: string): Promise<void> {
    const [first, second] = await Promise.all([this.#send(`RNFR ${from}`), this.#send(`RNTO ${to}`)]);
    demand(first, from);
    demand(second, to);
  }

  /** False when there was nothing of that name. */
  async remove(path: string): Promise<boolean> {
    const reply = await this.#send(`DELE ${path}`);
    if (saysMissing(reply)) return false;
    demand(reply, path);
    return true;
  }

  /** False when it stays: not empty, or gone already. */
  async removeDirectory(path: string): Promise<boolean> {
    const reply = await this.#send(`RMD ${path}`);
    if (isPositive(reply) || saysMissing(reply) || /not empty/i.test(textOf(reply))) return isPositive(reply);
    throw wordsError(textOf(reply), path);
  }

  /** What is in a directory; null when there is none of that name. */
  async list(path: string): Promise<Entry[] | null> {
    const reply = this.features.mlsc ? await this.#send(`MLSC ${path}`) : await this.#listOverData(path);
    if (saysMissing(reply)) return null;
    const entries = demand(reply, path).lines.flatMap((line) => parseEntry(line) ?? []);
    return entries.filter(({ name }) => name !== '.' && name !== '..');
  }

  #listOverData(path: string): Promise<Reply> {
    return listOverData((command) => this.#send(command), path, { host: this.#options.server.host, dcau: this.features.dcau, stallMs: this.#stallMs });
  }

  #send(command: string): Promise<Reply> {
    return this.#channel.send(command, this.#stallMs);
  }
}
