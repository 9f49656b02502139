import { open, type FileHandle } from 'node:fs/promises';
import { removeFile } from '../files/remove-file.js';

/** Entries kept in memory, twice: about 3 MB. A directory can have millions of sub-directories. */
const BLOCK_ENTRIES = 10_000;

/** Texts without NUL (latin1), last in, first out; what exceeds two blocks waits in a file. */
export class PathStack {
  readonly #file: string;
  readonly #blockEntries: number;
  #near: string[] = [];
  /** Of each block in the file: where it begins, and its entries. */
  readonly #blocks: { readonly start: number; readonly entries: number }[] = [];
  #end = 0;
  #handle: FileHandle | null = null;
  /** The last use of the file: one at a time. */
  #turn: Promise<void> = Promise.resolve();

  /** `file`: a work file of its own, made when it is needed. */
  constructor(file: string, blockEntries = BLOCK_ENTRIES) {
    this.#file = file;
    this.#blockEntries = blockEntries;
  }

  get size(): number {
    return this.#blocks.reduce((sum, { entries }) => sum + entries, this.#near.length);
  }

  /** Resolves when memory is within bounds again. */
  async push(entries: readonly string[]): Promise<void> {
    for (const entry of entries) this.#near.push(entry); // not spread: there can be more than an argument list takes
    if (this.#near.length > 2 * this.#blockEntries) await this.#inTurn(() => this.#putAside());
  }

  /** The newest ones, `most` at most; perhaps fewer than there are, perhaps none when another taker was faster. */
  async take(most: number): Promise<string[]> {
    if (this.#near.length === 0) await this.#inTurn(() => this.#bringBack());
    return this.#near.splice(-most);
  }

  /** Removes the file. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#handle?.close();
    if (this.#handle !== null) await removeFile(this.#file);
    this.#handle = null;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined); // whoever asked for it is told
    await mine;
  }

  /** All but the newest block. */
  async #putAside(): Promise<void> {
    while (this.#near.length > 2 * this.#blockEntries) {
      const oldest = this.#near.splice(0, this.#blockEntries);
      this.#handle ??= await open(this.#file, 'w+', 0o600);
      const bytes = Buffer.from(oldest.join('\0'), 'latin1');
      await writeAll(this.#handle, bytes, this.#end);
      this.#blocks.push({ start: this.#end, entries: oldest.length });
      this.#end += bytes.length;
    }
  }

  async #bringBack(): Promise<void> {
    const block = this.#blocks.at(-1);
    if (this.#near.length > 0 || block === undefined) return;
    const bytes = Buffer.alloc(this.#end - block.start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await (this.#handle as FileHandle).read(bytes, done, bytes.length - done, block.start + done);
      if (bytesRead === 0) throw new Error(`${this.#file} was cut short`);
      done += bytesRead;
    }
    this.#blocks.pop();
    this.#end = block.start;
    this.#near = bytes.toString('latin1').split('\0').concat(this.#near);
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
