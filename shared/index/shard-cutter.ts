import { join } from 'node:path';
import { LineWriter } from './line-file.js';
import type { IndexRecord } from './record.js';
import { isHardLinked, Tally } from './tally.js';

export interface CutLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** A stretch of the index: a shard to be, without the names of hard-linked files. */
export interface Part {
  readonly file: string;
  /** What the file holds. */
  readonly tally: Tally;
}

/** The two things counted of a stretch: what was written, and what weighs on the limits (held-back names too). */
class Stretch {
  readonly written = new Tally();
  readonly load = new Tally();

  merge(other: Stretch): void {
    this.written.addTally(other.written);
    this.load.addTally(other.load);
  }
}

interface OpenPart {
  readonly part: number;
  readonly writer: LineWriter;
  /** All directories before the current one. */
  readonly before: Stretch;
}

/**
 * Cuts records, given in index order, into parts of at most maxFiles and maxBytes: between directories where
 * possible, inside one only if it alone exceeds a limit. A file larger than maxBytes is a part of its own.
 */
export class ShardCutter {
  readonly #dir: string;
  readonly #limits: CutLimits;
  readonly #parts: Part[] = [];
  /** Parts by the position of their first record, ascending, without the lone large files. */
  readonly #starts: { position: number; part: number }[] = [];
  #open: OpenPart | null = null;
  #group = { dirname: '', stretch: new Stretch(), position: 0, bytes: 0, lines: 0 };

  constructor(dir: string, limits: CutLimits) {
    this.#dir = dir;
    this.#limits = limits;
  }

  /**
   * `line` null: it counts here, but is held back. `position`: its number in the index. A returned promise must
   * be awaited before the next call; most calls have none.
   */
  add(record: IndexRecord, line: string | null, position: number): Promise<void> | undefined {
    const isLarge = record.type === 'f' && Number(record.size) > this.#limits.maxBytes;
    if (isLarge && line !== null) return this.#addLone(record, line);
    // A large file that is held back gets a part of its own when all its names are known.
    const share = isLarge ? Infinity : isHardLinked(record) ? record.nlink : 1;
    if (this.#open !== null) {
      if (record.dirname !== this.#group.dirname) this.#startGroup(this.#open, record.dirname, position);
      if (!this.#exceeds(this.#open, record, share)) {
        this.#put(this.#open, record, line, share);
        return undefined;
      }
    }
    return this.#addToNext(record, line, share, position);
  }

  /** Once per batch: writes what has come together. */
  async drain(): Promise<void> {
    await this.#open?.writer.drain();
  }

  /** Closes the files. To be called also after a failure. */
  async finish(): Promise<readonly Part[]> {
    if (this.#open !== null) await this.#closePart(this.#open);
    this.#open = null;
    return this.#parts;
  }

  /** Number of the part in which the position of a held-back record lies. */
  partAt(position: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle]?.position ?? Infinity) <= position) low = middle;
      else high = middle;
    }
    return this.#starts[low]?.part ?? 0;
  }

  async #addLone(record: IndexRecord, line: string): Promise<void> {
    const { part, writer } = await this.#newFile();
    const tally = new Tally();
    writer.add(line);
    tally.add(record);
    await writer.close();
    this.#parts[part] = { file: writer.file, tally };
  }

  async #addToNext(record: IndexRecord, line: string | null, share: number, position: number): Promise<void> {
    if (this.#open === null) this.#group = { ...this.#group, dirname: record.dirname, position };
    this.#open = this.#open === null ? await this.#start(position) : await this.#cut(this.#open, record, share, position);
    this.#put(this.#open, record, line, share);
  }

  #put(open: OpenPart, record: IndexRecord, line: string | null, share: number): void {
    this.#group.stretch.load.add(record, share);
    if (line === null) return;
    this.#group.stretch.written.add(record);
    open.writer.add(line);
  }

  #startGroup(open: OpenPart, dirname: string, position: number): void {
    open.before.merge(this.#group.stretch);
    const { writer } = open;
    this.#group = { dirname, stretch: new Stretch(), position, bytes: writer.position, lines: writer.lines };
  }

  #exceeds(open: OpenPart, record: IndexRecord, share: number): boolean {
    const before = open.before.load;
    const group = this.#group.stretch.load;
    if (before.records + group.records === 0) return false;
    if (before.records + group.records + 1 > this.#limits.maxFiles) return true;
    const size = record.type === 'f' ? Number(record.size) / share : 0;
    return before.bytes.approximate + group.bytes.approximate + size > this.#limits.maxBytes;
  }

  /** Ends the part before the current directory, and also before the current record if the directory alone is too much. */
  async #cut(full: OpenPart, record: IndexRecord, share: number, position: number): Promise<OpenPart> {
    const next = full.before.load.records > 0 ? await this.#moveGroup(full) : full;
    if (next !== full && !this.#exceeds(next, record, share)) return next;
    await this.#closePart(next);
    this.#group = { ...this.#group, position };
    return this.#start(position);
  }

  /** The current directory begins a new part. */
  async #moveGroup(full: OpenPart): Promise<OpenPart> {
    const { bytes, lines, position } = this.#group;
    const next = await this.#start(position);
    await full.writer.moveTail(bytes, full.writer.lines - lines, next.writer);
    this.#parts[full.part] = { file: full.writer.file, tally: full.before.written };
    await full.writer.close();
    this.#group = { ...this.#group, bytes: 0, lines: 0 };
    return next;
  }

  /** Ends a part with all of the current directory that came so far. */
  async #closePart(open: OpenPart): Promise<void> {
    open.before.merge(this.#group.stretch);
    this.#group = { ...this.#group, stretch: new Stretch(), bytes: 0, lines: 0 };
    this.#parts[open.part] = { file: open.writer.file, tally: open.before.written };
    await open.writer.close();
  }

  async #start(position: number): Promise<OpenPart> {
    const { part, writer } = await this.#newFile();
    this.#starts.push({ position, part });
    return { part, writer, before: new Stretch() };
  }

  async #newFile(): Promise<{ part: number; writer: LineWriter }> {
    const part = this.#parts.length;
    const writer = await LineWriter.create(join(this.#dir, `part-${String(part).padStart(6, '0')}`));
    this.#parts.push({ file: writer.file, tally: new Tally() });
    return { part, writer };
  }
}
