import type { BytePath } from '../paths/byte-path.js';
import { toPathJson } from '../paths/path-json.js';
import { LineWriter } from './line-file.js';

/** A path that is not in the backup as it should be, or at all. */
export interface IndexException {
  /** Relative to the basepath; `.` is the basepath itself. */
  readonly path: BytePath;
  readonly reason: ExceptionReason;
  /** What a program said, or what was found. */
  readonly detail: string;
}

export type ExceptionReason =
  | 'directory could not be listed'
  | 'could not be examined'
  | 'path longer than PATH_MAX'
  | 'not saved'
  | 'changed during the backup'
  | 'changed while read'
  | 'mtime before 1970 is not kept';

/** Writes exceptions as NDJSON; the file is made with the first of them. */
export class ExceptionLog {
  readonly #file: string;
  #waiting: string[] = [];
  #writer: LineWriter | null = null;
  #count = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get count(): number {
    return this.#count;
  }

  add(exception: IndexException): void {
    this.#waiting.push(exceptionLine(exception));
    this.#count += 1;
  }

  /** To be called once per batch. Throws OUTPUT_NOT_CREATED. */
  async drain(): Promise<void> {
    if (this.#waiting.length === 0) return;
    this.#writer ??= await LineWriter.create(this.#file, '\n');
    for (const line of this.#waiting) this.#writer.add(line);
    this.#waiting = [];
    await this.#writer.drain();
  }

  /** The file, null when there was no exception. */
  async close(): Promise<string | null> {
    await this.drain();
    await this.#writer?.close();
    return this.#writer === null ? null : this.#file;
  }
}

/** One NDJSON line, without newline. ASCII only, so that it can be written as latin1 like everything else here. */
export function exceptionLine({ path, reason, detail }: IndexException): string {
  return escapeNonAscii(JSON.stringify({ path: toPathJson(path), reason, detail }));
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
