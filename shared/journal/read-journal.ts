import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../catalog/disk.js';
import { Cursor, type CursorOptions } from './cursor.js';
import { isJournalFile, notBeforeMs } from './file-name.js';
import type { JournalProblem } from './problems.js';
import type { JournalKind, JournalRecord, RecordOf } from './record.js';

export interface ReadJournalOptions<K extends JournalKind = JournalKind> {
  /** Lines that could not be used; never fatal. JournalProblems counts them. Required, so that nobody overlooks them. */
  readonly onProblem: (problem: JournalProblem) => void;
  /** Only these kinds (faster: other lines are not parsed). */
  readonly kinds?: readonly K[];
  /** Only records from this instant on, ms since the epoch (faster: files that ended before are not read). */
  readonly sinceMs?: number;
}

/**
 * All writers' records, oldest first; those of one writer keep their order, equal instants go by file name. Streams: a file is open only while
 * the merge is within its time. A missing directory is an empty journal.
 */
export async function* readJournal<K extends JournalKind = JournalKind>(dir: string, options: ReadJournalOptions<K>): AsyncGenerator<RecordOf<K>> {
  const cursorOptions: CursorOptions = {
    onProblem: options.onProblem,
    kinds: options.kinds === undefined ? null : new Set(options.kinds),
    sinceAt: new Date(options.sinceMs ?? 0).toISOString(),
  };
  const files = await listFiles(dir, options.sinceMs ?? 0);
  const merge = new Merge(files.map(({ name, from }) => ({ from, cursor: new Cursor(dir, name, cursorOptions) })));
  try {
    for (let record = await merge.next(); record !== null; record = await merge.next()) yield record as RecordOf<K>;
  } finally {
    await merge.close();
  }
}

/** mtime comes from the file server's clock, records carry the writer's. */
const CLOCK_SLACK_MS = 3_600_000;

interface Upcoming {
  /** No record of the file is older (ISO text). */
  readonly from: string;
  readonly cursor: Cursor;
}

/** k-way merge that opens files when their time comes: a site has thousands of them, few of which overlap. */
class Merge {
  /** Sorted by current record, oldest first. */
  private readonly active: Cursor[] = [];
  private opened = 0;

  /** @param upcoming sorted by `from` */
  constructor(private readonly upcoming: readonly Upcoming[]) {}

  async next(): Promise<JournalRecord | null> {
    await this.openDue();
    const [cursor] = this.active;
    if (cursor === undefined) return null;
    const record = cursor.current;
    this.active.shift();
    if (await cursor.next()) this.insert(cursor);
    return record;
  }

  async close(): Promise<void> {
    await Promise.all(this.active.map((cursor) => cursor.close()));
  }

  private async openDue(): Promise<void> {
    for (let due = this.upcoming[this.opened]; due !== undefined; due = this.upcoming[this.opened]) {
      const [oldest] = this.active;
      if (oldest !== undefined && oldest.current.at < due.from) return;
      this.opened += 1;
      if (await due.cursor.next()) this.insert(due.cursor);
    }
  }

  private insert(cursor: Cursor): void {
    let place = 0;
    for (let other = this.active[place]; other !== undefined && isBefore(other, cursor); other = this.active[place]) place += 1;
    this.active.splice(place, 0, cursor);
  }
}

function isBefore(a: Cursor, b: Cursor): boolean {
  if (a.current.at !== b.current.at) return a.current.at < b.current.at;
  return a.name < b.name;
}

async function listFiles(dir: string, sinceMs: number): Promise<{ name: string; from: string }[]> {
  const names = (await readdir(dir).catch(noneIfMissing)).filter(isJournalFile);
  const files = [];
  for (const name of names) {
    if (sinceMs > 0 && (await stat(join(dir, name))).mtimeMs < sinceMs - CLOCK_SLACK_MS) continue;
    files.push({ name, from: new Date(notBeforeMs(name)).toISOString() });
  }
  return files.sort((a, b) => (a.from === b.from ? compare(a.name, b.name) : compare(a.from, b.from)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function noneIfMissing(thrown: unknown): string[] {
  if (errnoOf(thrown) === 'ENOENT') return [];
  throw thrown;
}
