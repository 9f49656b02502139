import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CatalogueEntry } from '../dar/index.js';
import { BwError } from '../errors/bw-error.js';
import { readPieces } from '../files/read-pieces.js';
import { Cursor } from '../index/cursor.js';
import { ExceptionLog } from '../index/exceptions.js';
import { formatRecord, keyLength, parseRecord } from '../index/format.js';
import { LineWriter } from '../index/line-file.js';
import { LineSorter } from '../index/line-sorter.js';
import { recordPath, type IndexRecord } from '../index/record.js';
import { readState, stateRecord, type StateEntry, type StateLayer } from '../index/state.js';
import { tombstoneLine } from '../index/tombstone.js';
import { Tally } from '../index/tally.js';
import { describeStatus, startPipeline, tailText } from '../process/index.js';
import { heldOf, recordOf, type Held } from './entry-record.js';
import { OwnerIds } from './owner-ids.js';

export interface ImportIndexRequest {
  readonly entries: AsyncIterable<CatalogueEntry[]>;
  /** The chain the archive is a difference to, the full first; empty: it is whole. */
  readonly parentLayers: readonly StateLayer[];
  readonly workDir: string;
}

export interface ImportedIndex {
  readonly file: { readonly name: string; readonly bytes: number; readonly sha512: string };
  readonly exceptions: { readonly name: string; readonly bytes: number; readonly sha512: string } | null;
  readonly exceptionCount: number;
  /** Of the whole state. */
  readonly state: Tally;
  /** In the archive. */
  readonly entries: number;
  readonly withEa: number;
  readonly directoriesWithEa: number;
  readonly changed: number;
  readonly removed: number;
}

/** In front of a sorted line's end: what the archive holds of it. */
const MARKS = { all: 'a', metadata: 'm', nothing: 'n' } as const satisfies Record<Held, string>;
/** A catalogue lists what is below its root, not the root: its own owner and mode are unknown. */
const ROOT = './/./d 0 0 0 0:0 2 755 0 0 0 - -';

/**
 * Makes the index of an archive from its catalogue: of a whole one all of it, else the difference to the state of the chain (dar lists in a
 * differential archive everything that was there, saved or not: what is not listed is gone). Throws IMPORT_NEEDS_PARENT, INDEX_*, SORT_FAILED and what reading
 * the catalogue throws.
 */
export async function importIndex({ entries, parentLayers, workDir }: ImportIndexRequest): Promise<ImportedIndex> {
  const sorter = new LineSorter({ tempDir: workDir });
  const counts = await addEntries(entries, sorter, parentLayers.length > 0);
  const plain = await LineWriter.create(join(workDir, 'index.plain'));
  const log = new ExceptionLog(join(workDir, 'exceptions.ndjson'));
  try {
    const merged = parentLayers.length === 0 ? await writeWhole(sorter, plain) : await writeDifference(sorter, parentLayers, plain, log);
    await plain.end();
    const written = await log.close();
    return { ...counts, ...merged, file: await compress(plain.file, workDir), exceptions: written === null ? null : { name: 'exceptions.ndjson', ...(await factsOf(written)) }, exceptionCount: log.count };
  } finally {
    await plain.close();
  }
}

async function addEntries(batches: AsyncIterable<CatalogueEntry[]>, sorter: LineSorter, hasParent: boolean): Promise<Pick<ImportedIndex, 'entries' | 'withEa' | 'directoriesWithEa'>> {
  const [users, groups] = [new OwnerIds('passwd'), new OwnerIds('group')];
  const counts = { entries: 0, withEa: 0, directoriesWithEa: 0 };
  for await (const batch of batches) {
    const present = batch.filter(({ removed }) => !removed);
    await users.resolve(new Set(present.map(({ inode }) => inode?.user ?? '0')));
    await groups.resolve(new Set(present.map(({ inode }) => inode?.group ?? '0')));
    for (const entry of present) {
      const held = heldOf(entry);
      if (held !== 'all' && !hasParent) throw needsParent();
      sorter.add(`${formatRecord(recordOf(entry, users, groups))}${MARKS[held]}`);
      counts.entries += 1;
      if (entry.hasEa) counts.withEa += 1;
      if (entry.hasEa && entry.type === 'd') counts.directoriesWithEa += 1;
    }
    if (!hasParent && present.length < batch.length) throw needsParent();
    await sorter.drain();
  }
  return counts;
}

type Merged = Pick<ImportedIndex, 'state' | 'changed' | 'removed'>;

async function writeWhole(sorter: LineSorter, out: LineWriter): Promise<Merged> {
  const state = new Tally();
  let root: string | null = ROOT;
  const add = (line: string): void => {
    out.add(line);
    state.add(parseRecord(line));
  };
  for await (const batch of sorter.sorted()) {
    for (const marked of batch) {
      if (root !== null && root < marked) {
        add(root);
        root = null;
      }
      add(marked.slice(0, -1));
    }
    await out.drain();
  }
  if (root !== null) add(root);
  return { state, changed: 0, removed: 0 };
}

/** Side by side with the state of the chain. */
async function writeDifference(sorter: LineSorter, layers: readonly StateLayer[], out: LineWriter, log: ExceptionLog): Promise<Merged> {
  const now = await Cursor.open(sorter.sorted());
  const before = await Cursor.open<StateEntry>(readState(layers));
  const result = { state: new Tally(), changed: 0, removed: 0 };
  try {
    for (;;) {
      const [marked, old] = [now.current, before.current];
      if (marked === undefined && old === undefined) break;
      const order = orderOf(marked, old?.line);
      if (order <= 0 && marked !== undefined) {
        const kept = keep(marked, order === 0 && old !== undefined ? { record: stateRecord(layers, old) } : null, out, log);
        if (kept !== null) result.state.add(kept);
        if (marked.endsWith(MARKS.all)) result.changed += 1;
      } else if (old !== undefined && old.line.startsWith('.//./d')) {
        result.state.add(parseRecord(old.line));
      } else if (old !== undefined) {
        out.add(tombstoneLine(old.line.slice(0, keyLength(old.line))));
        result.removed += 1;
      }
      if (order <= 0) await now.advance();
      if (order >= 0) await before.advance();
      if (out.lines % 1000 === 0) await out.drain();
      await log.drain();
    }
    return result;
  } finally {
    await now.close();
    await before.close();
  }
}

/** Writes what the difference says of a path that was there, if anything. Returns its record in the new state. */
function keep(marked: string, old: { readonly record: ReturnType<typeof stateRecord> } | null, out: LineWriter, log: ExceptionLog): IndexRecord | null {
  const line = marked.slice(0, -1);
  const mark = marked.slice(-1);
  if (mark === MARKS.all) {
    out.add(line);
    return parseRecord(line);
  }
  if (old === null) {
    log.add({ path: recordPath(parseRecord(line)), reason: 'not saved', detail: 'neither the imported archive nor those before it hold its content' });
    return null;
  }
  const { record } = old;
  if (mark === MARKS.nothing) return record;
  log.add({ path: recordPath(record), reason: 'not saved', detail: 'only its owner, mode, times or attributes changed: an older state of them is kept' });
  out.add(formatRecord({ ...record, flags: withKept(record.flags), archive: record.archive === '' ? '' : `${record.archive}@${record.heldBy}` }));
  return record;
}

function withKept(flags: string): string {
  return flags.includes('x') ? flags : `x${flags}`;
}

function orderOf(a: string | undefined, b: string | undefined): number {
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const [one, other] = [a.slice(0, keyLength(a)), b.slice(0, keyLength(b))];
  return one === other ? 0 : one < other ? -1 : 1;
}

async function compress(plain: string, workDir: string): Promise<ImportedIndex['file']> {
  const name = 'index.imported.zst';
  const [stage] = await startPipeline([{ program: 'zstd', args: ['-q', '-T1', '-3', '-c', '--', plain] }], { stdoutFile: join(workDir, name) }).done;
  if (stage?.status.code !== 0) {
    throw new BwError('INDEX_NOT_WRITTEN', {
      message: `the index could not be written: zstd ended with ${stage === undefined ? 'nothing' : describeStatus(stage.status)}`,
      subject: join(workDir, name),
      retry: 'retry',
      hint: 'Check space and permissions of the work directory in the catalog.',
      detail: tailText(stage?.stderr ?? Buffer.alloc(0)),
    });
  }
  return { name, ...(await factsOf(join(workDir, name))) };
}

async function factsOf(file: string): Promise<{ bytes: number; sha512: string }> {
  const hash = createHash('sha512');
  for await (const piece of readPieces(file, 1 << 20)) hash.update(piece);
  return { bytes: (await stat(file)).size, sha512: hash.digest('hex') };
}

function needsParent(): BwError {
  return new BwError('IMPORT_NEEDS_PARENT', {
    message: 'the archive is a difference to another one (it names files without holding them)',
    retry: 'permanent',
    hint: 'Import the archive it was made against first, then this one with --parent BACKUP.',
  });
}
