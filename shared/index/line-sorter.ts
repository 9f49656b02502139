import type { Writable } from 'node:stream';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, startPipeline, tailText, type Pipeline } from '../process/index.js';
import { splitLines } from './format.js';
import { LineBuffer } from './line-buffer.js';

/** Up to this many bytes are sorted here: about 20,000 records, 40 ms; starting a `sort` costs 5 ms and a pipe each way. */
const MEMORY_BYTES = 3 * 1024 * 1024;
/** Buffer of the external sort; more goes to files in `tempDir`. */
const SORT_BUFFER = '64M';
const BATCH_LINES = 2000;
const PIECE_BYTES = 64 * 1024;

export interface SorterOptions {
  /** Where the external sort puts what exceeds its buffer. */
  readonly tempDir: string;
  readonly signal?: AbortSignal;
  /** Bytes sorted in memory before a `sort` program is started. */
  readonly memoryBytes?: number;
}

/**
 * Sorts NUL-terminated lines in byte order with bounded memory: few in memory, many with `sort -z`.
 * Add all, then read `sorted()` once. What comes out is counted against what went in.
 */
export class LineSorter {
  readonly #options: SorterOptions;
  readonly #waiting = new LineBuffer();
  #pieces: Buffer[] = [];
  #bytes = 0;
  #lines = 0;
  #external: (Pipeline & { readonly stdin: Writable }) | null = null;

  constructor(options: SorterOptions) {
    this.#options = options;
  }

  get lines(): number {
    return this.#lines;
  }

  add(line: string): void {
    this.#waiting.add(line);
    this.#lines += 1;
  }

  /** A piece of a stream of lines, of which `lines` end in it. It is not copied. */
  addBytes(bytes: Buffer, lines: number): void {
    this.#waiting.addBytes(bytes);
    this.#lines += lines;
  }

  /** To be called once per batch: hands over what was collected. Throws SORT_FAILED. */
  async drain(): Promise<void> {
    if (this.#waiting.length >= PIECE_BYTES) await this.#hand();
  }

  /** All lines in order, in batches. Throws SORT_FAILED if the sort failed or lost a line. */
  async *sorted(): AsyncGenerator<string[], void> {
    await this.#hand();
    let read = 0;
    for await (const batch of this.#external === null ? this.#inMemory() : this.#fromProgram(this.#external)) {
      read += batch.length;
      yield batch;
    }
    if (read !== this.#lines) throw sortFailed(`${this.#lines} lines went in, ${read} came out`);
  }

  /** Gives up: ends a running sort. */
  abandon(): void {
    this.#external?.stop();
    this.#external?.stdout.destroy();
  }

  async #hand(): Promise<void> {
    this.#bytes += this.#waiting.length;
    this.#pieces.push(...this.#waiting.take());
    if (this.#external === null && this.#bytes <= (this.#options.memoryBytes ?? MEMORY_BYTES)) return;
    this.#external ??= this.#start();
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces) await feed(this.#external.stdin, piece);
  }

  #start(): Pipeline & { readonly stdin: Writable } {
    const args = ['-z', '-S', SORT_BUFFER, '--parallel=2', '-T', this.#options.tempDir];
    const { signal } = this.#options;
    const pipeline = startPipeline([{ program: 'sort', args }], { input: 'pipe', ...(signal === undefined ? {} : { signal }) });
    return pipeline as Pipeline & { readonly stdin: Writable };
  }

  *#inMemory(): Generator<string[]> {
    const lines = Buffer.concat(this.#pieces).toString('latin1').split('\0');
    this.#pieces = [];
    lines.pop(); // behind the last NUL
    lines.sort(); // latin1 strings: code unit order is byte order
    for (let i = 0; i < lines.length; i += BATCH_LINES) yield lines.slice(i, i + BATCH_LINES);
  }

  async *#fromProgram(sort: Pipeline & { readonly stdin: Writable }): AsyncGenerator<string[]> {
    sort.stdin.end();
    let complete = false;
    try {
      yield* splitLines(sort.stdout as AsyncIterable<Buffer>);
      complete = true;
    } finally {
      if (!complete) sort.stop(); // a reader that left early
    }
    const [stage] = await sort.done;
    if (stage?.status.code !== 0) throw sortFailed(stage === undefined ? '' : `${describeStatus(stage.status)}\n${tailText(stage.stderr)}`);
  }
}

/** A sort that died shows in its status, so a broken pipe is not an error of its own. */
async function feed(stdin: Writable, bytes: Buffer): Promise<void> {
  if (stdin.destroyed || stdin.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      stdin.off('drain', settle).off('close', settle);
      resolve();
    };
    stdin.on('drain', settle).on('close', settle);
  });
}

function sortFailed(detail: string): BwError {
  return new BwError('SORT_FAILED', {
    message: 'sorting an index failed',
    retry: 'retry',
    hint: 'Look for a full disk where the temporary files lie (work directory), or for lack of memory.',
    detail,
  });
}
