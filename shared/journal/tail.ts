import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../catalog/disk.js';
import { mapLimited } from '../catalog/map-limited.js';
import { Cursor, type CursorPlace } from './cursor.js';
import { isJournalFile } from './file-name.js';
import type { JournalProblem } from './problems.js';
import type { JournalKind, RecordOf } from './record.js';

export interface JournalTailOptions<K extends JournalKind> {
  readonly kinds: readonly K[];
  readonly onProblem: (problem: JournalProblem) => void;
}

/** Looks at files at a time: a site has thousands. */
const AT_ONCE = 16;

/**
 * The journal for who asks again and again: the first reading reads all of it, each later one only what files have got since. Keeps all records of its kinds in
 * memory: for rare ones.
 */
export class JournalTail<K extends JournalKind> {
  readonly #places = new Map<string, CursorPlace>();
  readonly #records: { readonly file: string; readonly record: RecordOf<K> }[] = [];

  constructor(
    private readonly dir: string,
    private readonly options: JournalTailOptions<K>,
  ) {}

  /** All records so far, in the order of readJournal. What was on disk when this was called is among them. */
  async read(): Promise<RecordOf<K>[]> {
    const before = this.#records.length;
    for (const name of await this.grown()) await this.readOn(name);
    if (this.#records.length > before) this.#records.sort((a, b) => compare(a.record.at, b.record.at) || compare(a.file, b.file));
    return this.#records.map(({ record }) => record);
  }

  private async grown(): Promise<string[]> {
    const names = (await readdir(this.dir).catch(noneIfMissing)).filter(isJournalFile);
    const sizes = await mapLimited(names, AT_ONCE, (name) => sizeOf(join(this.dir, name)));
    return names.filter((name, i) => (sizes[i] ?? 0) > (this.#places.get(name)?.bytes ?? 0));
  }

  private async readOn(name: string): Promise<void> {
    const { kinds, onProblem } = this.options;
    const cursor = new Cursor(this.dir, name, { kinds: new Set(kinds), onProblem, sinceAt: '' }, this.#places.get(name));
    try {
      while (await cursor.next()) this.#records.push({ file: name, record: cursor.current as RecordOf<K> });
    } finally {
      await cursor.close();
    }
    this.#places.set(name, cursor.place);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return 0; // gone since it was listed
    throw thrown;
  }
}

function noneIfMissing(thrown: unknown): string[] {
  if (errnoOf(thrown) === 'ENOENT') return [];
  throw thrown;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
