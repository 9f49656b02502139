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
  /** Parts by the position of their first record, ascending, and the lone large files by their position. */
  readonly #starts: { position: number; part: number }[] = [];
  readonly #lone = new Map<number, number>();
  #open: OpenPart | null = null;
  #openPart = -1;
  #group = { dirname: '', stretch: new Stretch(), position: 0, bytes: 0, lines: 0 };

  constructor(dir: string, limits: CutLimits) {
    this.#dir = dir;
    this.#limits = limits;
  }

  /** `line` null: it counts here, but is held back. `position`: its number in the index. */
  async add(record: IndexRecord, line: string | null, position: number): Promise<void> {
    const share = isHardLinked(record) ? record.nlink : 1;
    if (record.type === 'f' && Number(record.size) > this.#limits.maxBytes) return this.#addLone(record, line, position);
    this.#open ??= await this.#start(position);
    if (record.dirname !== this.#group.dirname) this.#startGroup(record.dirname, position);
    if (this.#exceeds(record, share)) await this.#cut(record, share, position);
    const { writer } = this.#open;
    this.#group.stretch.load.add(record, share);
    if (line === null) return;
    this.#group.stretch.written.add(record);
    writer.add(line);
  }

  /** Once per batch: writes what has come together. */
  async drain(): Promise<void> {
    await this.#open?.writer.drain();
  }

  /** Closes the files. To be called also after a failure. */
  async finish(): Promise<readonly Part[]> {
    if (this.#open !== null) await this.#close(this.#open);
    this.#open = null;
    return this.#parts;
  }

  /** Number of the part in which a position lies. */
  partAt(position: number): number {
    const lone = this.#lone.get(position);
    if (lone !== undefined) return lone;
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle]?.position ?? Infinity) <= position) low = middle;
      else high = middle;
    }
    return this.#starts[low]?.part ?? 0;
  }

  async #addLone(record: IndexRecord, line: string | null, position: number): Promise<void> {
    const { part, writer } = await this.#newFile();
    this.#lone.set(position, part);
    const tally = new Tally();
    if (line !== null) {
      writer.add(line);
      tally.add(record);
    }
    await writer.close();
    this.#parts[part] = { file: writer.file, tally };
  }

  #startGroup(dirname: string, position: number): void {
    const open = this.#open as OpenPart;
    open.before.merge(this.#group.stretch);
    const { writer } = open;
    this.#group = { dirname, stretch: new Stretch(), position, bytes: writer.position, lines: writer.lines };
  }

  #exceeds(record: IndexRecord, share: number): boolean {
    const open = this.#open as OpenPart;
    const { before } = open;
    const { stretch } = this.#group;
    const records = before.load.records + stretch.load.records;
    if (records === 0) return false;
    if (records + 1 > this.#limits.maxFiles) return true;
    const size = record.type === 'f' ? Number(record.size) / share : 0;
    return before.load.bytes.approximate + stretch.load.bytes.approximate + size > this.#limits.maxBytes;
  }

  /** Ends the part before the current directory; or, if nothing is before it (or that is not enough), before the current record. */
  async #cut(record: IndexRecord, share: number, position: number): Promise<void> {
    const full = this.#open as OpenPart;
    const { stretch, bytes, lines, position: groupPosition } = this.#group;
    if (full.before.load.records > 0) {
      this.#open = await this.#start(groupPosition);
      await full.writer.moveTail(bytes, full.writer.lines - lines, this.#open.writer);
      this.#parts[this.#openPart - 1] = { file: full.writer.file, tally: full.before.written };
      await full.writer.close();
      this.#group = { ...this.#group, bytes: 0, lines: 0 };
      if (!this.#exceeds(record, share)) return;
    }
    const whole = this.#open as OpenPart;
    whole.before.merge(stretch);
    this.#group = { ...this.#group, stretch: new Stretch(), position, bytes: 0, lines: 0 };
    await this.#close(whole);
    this.#open = await this.#start(position);
  }

  async #close(open: OpenPart): Promise<void> {
    if (this.#group.stretch.load.records > 0) open.before.merge(this.#group.stretch);
    this.#group = { ...this.#group, stretch: new Stretch() };
    this.#parts[this.#openPart] = { file: open.writer.file, tally: open.before.written };
    await open.writer.close();
  }

  async #start(position: number): Promise<OpenPart> {
    const { part, writer } = await this.#newFile();
    this.#openPart = part;
    this.#starts.push({ position, part });
    return { writer, before: new Stretch() };
  }

  async #newFile(): Promise<{ part: number; writer: LineWriter }> {
    const part = this.#parts.length;
    const writer = await LineWriter.create(join(this.#dir, `part-${String(part).padStart(6, '0')}`));
    this.#parts.push({ file: writer.file, tally: new Tally() });
    return { part, writer };
  }
}
