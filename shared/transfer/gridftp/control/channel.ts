import type { Duplex } from 'node:stream';
import { connectionLost, stalled } from '../classify.js';
import { LineSplitter } from './lines.js';
import { ReplyReader, type Reply } from './reply.js';

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly timeoutMs: number;
}

/**
 * Commands and their answers over one connection. Commands may be sent without waiting for the answers of earlier ones: the server answers in
 * order, and a thousand small ones take a tenth of the time of a thousand round trips.
 */
export class ControlChannel {
  readonly #stream: Duplex;
  readonly #pending: Pending[] = [];
  readonly #reader = new ReplyReader();
  readonly #splitter = new LineSplitter();
  #failure: Error | null = null;
  #timer: NodeJS.Timeout | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => { this.#receive(chunk); });
    stream.on('error', (error: Error) => { this.#fail(connectionLost(error)); });
    stream.on('close', () => { this.#fail(connectionLost(new Error('the server closed the connection'))); });
  }

  get isOpen(): boolean {
    return this.#failure === null;
  }

  /** The answer, whatever it says. Rejects TRANSFER_IO when the connection breaks, or nothing is heard for that long. */
  send(command: string, timeoutMs: number): Promise<Reply> {
    const reply = this.expect(timeoutMs);
    // One at a time: written together, commands would share one TLS record, which the far end takes for one command.
    this.#written = this.#written.then(() => this.#write(`${command}\r\n`));
    return reply;
  }

  /** An answer that comes unasked: the greeting. */
  expect(timeoutMs: number): Promise<Reply> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject, timeoutMs });
      if (this.#pending.length === 1) this.#watch();
    });
  }

  /** At once; what is under way at the far end is given up there. */
  destroy(): void {
    this.#fail(connectionLost(new Error('closed by us')));
  }

  async #write(text: string): Promise<void> {
    // A stream that is destroyed calls back too.
    if (this.#failure === null) await new Promise<void>((resolve) => { this.#stream.write(text, 'latin1', () => { resolve(); }); });
  }

  #receive(chunk: Buffer): void {
    for (const line of this.#splitter.take(chunk)) {
      const reply = this.#reader.take(line);
      if (reply !== null) this.#pending.shift()?.resolve(reply);
    }
    this.#watch();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const first = this.#pending[0];
    if (first !== undefined) this.#timer = setTimeout(() => { this.#fail(stalled(first.timeoutMs)); }, first.timeoutMs);
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    clearTimeout(this.#timer);
    this.#stream.destroy();
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }
}
