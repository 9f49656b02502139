import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeLine, kindOf, MAX_LINE_BYTES } from './line.js';
import type { JournalProblem } from './problems.js';
import { JOURNAL_KINDS, type JournalRecord } from './record.js';

export interface CursorOptions {
  readonly onProblem: (problem: JournalProblem) => void;
  /** Only these kinds; others are not even parsed. */
  readonly kinds: ReadonlySet<string> | null;
  /** Only records from this instant on (ISO text as in `at`). */
  readonly sinceAt: string;
}

const CHUNK_BYTES = 64 << 10;
const NEWLINE = 0x0a;

/** How far a file was read: the end of a line. */
export interface CursorPlace {
  readonly bytes: number;
  readonly lines: number;
}

/** Reads one file of the journal record by record, in the order written, with one chunk in memory. */
export class Cursor {
  private file: FileHandle | null = null;
  private rest: Buffer = Buffer.alloc(0);
  private records: JournalRecord[] = [];
  private at = 0;
  private line: number;
  /** Where the next chunk begins. */
  private position: number;
  private skipping = false;

  constructor(
    private readonly dir: string,
    readonly name: string,
    private readonly options: CursorOptions,
    from: CursorPlace = { bytes: 0, lines: 0 },
  ) {
    this.line = from.lines;
    this.position = from.bytes;
  }

  /** Behind the last whole line that was read. */
  get place(): CursorPlace {
    return { bytes: this.position - this.rest.length, lines: this.line };
  }

  /** The record `next` moved to. */
  get current(): JournalRecord {
    const record = this.records[this.at - 1];
    if (record === undefined) throw new Error('a cursor is read before next() or after its end');
    return record;
  }

  /** Moves to the next record; false at the end, or where the file cannot be read (reported). The file is closed then. */
  async next(): Promise<boolean> {
    while (this.at >= this.records.length) {
      this.records = [];
      this.at = 0;
      if (await this.readMore()) continue;
      await this.close();
      return false;
    }
    this.at += 1;
    return true;
  }

  async close(): Promise<void> {
    const file = this.file;
    this.file = null;
    await file?.close();
  }

  private async readMore(): Promise<boolean> {
    try {
      this.file ??= await open(join(this.dir, this.name), 'r');
      return await this.readChunk(this.file);
    } catch (thrown) {
      this.report('unreadable', thrown instanceof Error ? thrown.message : String(thrown));
      return false;
    }
  }

  private async readChunk(file: FileHandle): Promise<boolean> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, this.position);
    if (bytesRead === 0) {
      if (this.rest.length > 0 || this.skipping) this.report('torn', 'the last line has no end');
      return false;
    }
    this.position += bytesRead;
    this.split(Buffer.concat([this.rest, chunk.subarray(0, bytesRead)]));
    return true;
  }

  private split(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.line += 1;
      if (!this.skipping) this.take(bytes.toString('utf8', from, end));
      this.skipping = false;
      from = end + 1;
    }
    this.rest = bytes.subarray(from);
    if (this.rest.length <= MAX_LINE_BYTES) return;
    if (!this.skipping) this.report('damaged', `a line longer than ${MAX_LINE_BYTES} bytes`);
    this.skipping = true;
    this.rest = Buffer.alloc(0);
  }

  private take(text: string): void {
    const { kinds, sinceAt } = this.options;
    const kind = kindOf(text);
    if (kinds !== null && kind !== undefined && JOURNAL_KINDS.has(kind) && !kinds.has(kind)) return;
    const decoded = decodeLine(text);
    if (decoded.is === 'damaged') this.report('damaged', decoded.why, 0);
    else if (decoded.is === 'unknown') this.report('unknown', decoded.what, 0);
    else if (decoded.record.at >= sinceAt && (kinds === null || kinds.has(decoded.record.kind))) this.records.push(decoded.record);
  }

  private report(kind: JournalProblem['kind'], why: string, ahead = 1): void {
    this.options.onProblem({ kind, file: this.name, line: this.line + ahead, why });
  }
}
