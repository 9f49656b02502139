import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { realDisk } from '../catalog/disk.js';
import { ensureDir } from '../catalog/durable.js';
import { BwError } from '../errors/bw-error.js';
import { newFileName } from './file-name.js';
import { encodeLine } from './line.js';
import type { JournalEntry } from './record.js';

export interface JournalOptions {
  /** A file that has reached this size is closed and a new one begun. 64 MiB: about 230,000 attempts, two seconds to read. */
  readonly rotateBytes?: number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** Replaced by tests. */
  readonly openFile?: (path: string) => Promise<JournalFile>;
}

/** The part of a FileHandle the journal uses. */
export type JournalFile = Pick<FileHandle, 'appendFile' | 'datasync' | 'close'>;

const ROTATE_BYTES = 64 << 20;

interface Waiting {
  readonly atMs: number;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: BwError) => void;
}

/**
 * One writer of the journal in `dir` (0700). The file (0600) is made by the first append, so that opening costs
 * nothing. @param writer see writerName; throws JOURNAL_BAD_WRITER for one that is no file name
 */
export async function openJournal(dir: string, writer: string, options: JournalOptions = {}): Promise<Journal> {
  newFileName(writer, 0);
  await ensureDir(dir);
  return new Journal(dir, writer, options);
}

/**
 * Append-only. An append has happened when its promise resolves: written and on disk. Appends that arrive while one is
 * being written wait and share the next write and fsync, so many at once cost little more than one.
 */
export class Journal {
  private readonly now: () => number;
  private readonly rotateBytes: number;
  private readonly openFile: (path: string) => Promise<JournalFile>;
  private file: JournalFile | null = null;
  private fileBytes = 0;
  private lastMs = 0;
  private waiting: Waiting[] = [];
  private writing: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly dir: string,
    private readonly writer: string,
    options: JournalOptions,
  ) {
    this.now = options.now ?? Date.now;
    this.rotateBytes = options.rotateBytes ?? ROTATE_BYTES;
    this.openFile = options.openFile ?? ((path) => open(path, 'ax', 0o600));
  }

  /**
   * @throws JOURNAL_RECORD_INVALID (permanent) · JOURNAL_WRITE_FAILED (retry): it may or may not be on disk;
   *   records are facts, so appending one again does no harm
   */
  append(entry: JournalEntry): Promise<void> {
    return this.appendAll([entry]);
  }

  /** All of them with one write and one fsync, in this order; a crash may keep only the first ones. Throws as append. */
  async appendAll(entries: readonly JournalEntry[]): Promise<void> {
    if (this.closed) throw writeFailed(this.dir, new Error('the journal is closed'));
    if (entries.length === 0) return;
    const atMs = this.nextMs();
    const at = new Date(atMs).toISOString();
    const bytes = Buffer.concat(entries.map((entry) => encodeLine(entry, at, this.writer)));
    await new Promise<void>((resolve, reject) => {
      this.waiting.push({ atMs, bytes, resolve, reject });
      this.writing ??= this.writeWaiting();
    });
  }

  /** Waits for appends under way; later ones are refused. */
  async close(): Promise<void> {
    this.closed = true;
    await this.writing;
    await this.file?.close();
    this.file = null;
  }

  /** Never earlier than the one before, so that a clock set back does not reorder what one writer says. */
  private nextMs(): number {
    this.lastMs = Math.max(this.lastMs, this.now());
    return this.lastMs;
  }

  private async writeWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting;
      this.waiting = [];
      try {
        await this.writeGroup(Buffer.concat(group.map((each) => each.bytes)), group[0]?.atMs ?? 0);
        for (const each of group) each.resolve();
      } catch (thrown) {
        const error = writeFailed(this.dir, thrown);
        for (const each of group) each.reject(error);
      }
    }
    this.writing = null;
  }

  private async writeGroup(bytes: Buffer, firstMs: number): Promise<void> {
    if (this.file !== null && this.fileBytes >= this.rotateBytes) await this.abandonFile();
    try {
      const file = (this.file ??= await this.begin(firstMs));
      await file.appendFile(bytes);
      // fdatasync: brings data and the new size, which is all a reader needs.
      await file.datasync();
      this.fileBytes += bytes.length;
    } catch (thrown) {
      // The file may now end in half a line, and after a failed fsync nobody knows what it holds: never append to it again.
      await this.abandonFile();
      throw thrown;
    }
  }

  /** @param firstMs instant of the first record: the name promises readers that none is older */
  private async begin(firstMs: number): Promise<JournalFile> {
    const file = await this.openFile(join(this.dir, newFileName(this.writer, firstMs)));
    this.fileBytes = 0;
    await realDisk.syncDir(this.dir);
    return file;
  }

  private async abandonFile(): Promise<void> {
    const file = this.file;
    this.file = null;
    await file?.close();
  }
}

function writeFailed(dir: string, cause: unknown): BwError {
  return new BwError('JOURNAL_WRITE_FAILED', {
    message: `The journal could not be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    subject: dir,
    cause,
    retry: 'retry',
    hint: 'Look at the catalog filesystem: mounted, writable for bw-bkup, not full?',
  });
}
