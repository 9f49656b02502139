import { open, type FileHandle } from 'node:fs/promises';
import { BwError } from '../errors/bw-error.js';
import { readPieces } from '../files/read-pieces.js';
import { completeLines, endLine, readRecords, splitLines } from './format.js';
import { LineBuffer } from './line-buffer.js';
import type { IndexRecord } from './record.js';

/** Written at once; also what a stream is read by: 1,000,000 lines are 130 MB, larger pieces gain nothing. */
const PIECE_BYTES = 256 * 1024;

/**
 * Writes lines (NUL-terminated, unless told otherwise) to a new file of ours (0600). `add` only collects; `drain` writes when enough
 * has come together: call it once per batch, so that memory stays bounded without a promise per line.
 */
export class LineWriter {
  readonly file: string;
  readonly #handle: FileHandle;
  readonly #waiting: LineBuffer;
  #written = 0;
  #lines = 0;
  #closed = false;

  private constructor(file: string, handle: FileHandle, terminator: string) {
    this.file = file;
    this.#handle = handle;
    this.#waiting = new LineBuffer(terminator.charCodeAt(0));
  }

  /** Replaces what a former start left under this name. Throws OUTPUT_NOT_CREATED. */
  static async create(file: string, terminator: '\0' | '\n' = '\0'): Promise<LineWriter> {
    try {
      return new LineWriter(file, await open(file, 'w+', 0o600), terminator);
    } catch (error) {
      throw new BwError('OUTPUT_NOT_CREATED', {
        message: `a work file cannot be created: ${(error as Error).message}`,
        retry: 'retry',
        hint: 'Check space and permissions of its directory.',
        subject: file,
        cause: error,
      });
    }
  }

  get lines(): number {
    return this.#lines;
  }

  /** Bytes so far, written or not: where the next line will begin. */
  get position(): number {
    return this.#written + this.#waiting.length;
  }

  add(line: string): void {
    this.#waiting.add(line);
    this.#lines += 1;
  }

  async drain(): Promise<void> {
    if (this.#waiting.length >= PIECE_BYTES) await this.#flush();
  }

  /** Takes everything behind `position` out of this file and adds it to another one. */
  async moveTail(position: number, lines: number, to: LineWriter): Promise<void> {
    await this.#flush();
    for (let at = position; at < this.#written; ) {
      const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, 0, PIECE_BYTES, at);
      to.#waiting.addBytes(buffer.subarray(0, bytesRead));
      await to.drain();
      at += bytesRead;
    }
    to.#lines += lines;
    this.#lines -= lines;
    this.#written = position;
    await this.#handle.truncate(position);
  }

  /** Writes the end record and closes: only now the file is a complete one. */
  async end(): Promise<void> {
    this.#waiting.add(endLine(this.#lines));
    await this.close();
  }

  /** Closes without an end record; may be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#flush();
    } finally {
      await this.#handle.close();
    }
  }

  async #flush(): Promise<void> {
    for (const piece of this.#waiting.take()) {
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await this.#handle.write(piece, done, piece.length - done, this.#written);
        done += bytesWritten;
        this.#written += bytesWritten;
      }
    }
  }
}

/** Lines of one of our own files, without end record. */
export function readPlainLines(file: string): AsyncGenerator<string[], void> {
  return splitLines(bytesOf(file));
}

/** Record lines of a file with end record. Throws INDEX_DAMAGED. */
export function readCompleteLines(file: string): AsyncGenerator<string[], void> {
  return completeLines(splitLines(bytesOf(file)));
}

/** Records of a file with end record (`*.records`, `*.settled`). Throws INDEX_DAMAGED. */
export function readRecordFile(file: string): AsyncGenerator<IndexRecord[], void> {
  return readRecords(bytesOf(file));
}

function bytesOf(file: string): AsyncIterable<Buffer> {
  return readPieces(file, PIECE_BYTES);
}
