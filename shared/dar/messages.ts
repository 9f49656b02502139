import { stat } from 'node:fs/promises';
import { readPieces } from '../files/read-pieces.js';

/** What a log tells: enough to see why, bounded whatever dar prints. */
export interface DarMessages {
  /** Lines that are neither blank nor statistics, raw bytes (paths), the first ones. */
  readonly lines: readonly Buffer[];
  /** Text of the last such line that names an error. */
  readonly lastError: string | null;
  readonly truncated: boolean;
}

const MAX_LINES = 1000;
const MAX_LINE_BYTES = 8192;
const PIECE_BYTES = 64 * 1024;

/**
 * Statistics are indented or framed; the rest here is what dar says in every run. A name with a newline can forge
 * lines: good for people, never for proof.
 */
const NOISE = /^(\s|-----|$|Final memory cleanup|Now performing on-fly isolation|All requested operations)/;
const ERROR = /error|cannot|abort|fail|denied|no space|not |bug/i;

/** Where a log ends now, so that `readMessages` reads only what a program adds. 0 if there is none yet. */
export async function logPosition(logFile: string): Promise<number> {
  try {
    return (await stat(logFile)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** Reads the messages of a dar run from its log. */
export async function readMessages(logFile: string, position: number): Promise<DarMessages> {
  const collector = new MessageCollector();
  for await (const piece of readPieces(logFile, PIECE_BYTES, position)) collector.add(piece);
  return collector.finish();
}

/** The messages in the outputs of a run that was collected. */
export function messagesOf(...outputs: readonly Buffer[]): DarMessages {
  const collector = new MessageCollector();
  for (const output of outputs) collector.add(Buffer.concat([output, Buffer.from('\n')]));
  return collector.finish();
}

class MessageCollector {
  #rest: Buffer = Buffer.alloc(0);
  readonly #lines: Buffer[] = [];
  #lastError: string | null = null;
  #truncated = false;

  add(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#line(bytes.subarray(start, end));
      start = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(start, start + MAX_LINE_BYTES));
  }

  finish(): DarMessages {
    if (this.#rest.length > 0) this.#line(this.#rest);
    return { lines: this.#lines, lastError: this.#lastError, truncated: this.#truncated };
  }

  #line(line: Buffer): void {
    const text = line.toString('utf8', 0, MAX_LINE_BYTES);
    if (NOISE.test(text)) return;
    if (ERROR.test(text)) this.#lastError = text;
    if (this.#lines.length < MAX_LINES) this.#lines.push(Buffer.from(line.subarray(0, MAX_LINE_BYTES)));
    else this.#truncated = true;
  }
}

/** All kept lines as text for error details: the last 2000 characters. */
export function messageText(messages: DarMessages): string {
  return messages.lines.map((line) => line.toString('utf8')).join('\n').slice(-2000);
}
