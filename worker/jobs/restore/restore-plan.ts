import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { writeDurable } from '../../../shared/catalog/durable.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import { Cursor } from '../../../shared/index/cursor.js';
import { mayBeAwkward } from '../../../shared/index/awkward.js';
import { LineSorter } from '../../../shared/index/line-sorter.js';
import { LineWriter } from '../../../shared/index/line-file.js';
import { findInState, readStateRecords, type StateLayer, type StateRecord } from '../../../shared/index/state.js';
import { formatRecord, isDirectoryLine, recordKey } from '../../../shared/index/format.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import { isOfOneState } from '../../../shared/restore/needs.js';
import { markSeen, unknownPaths } from '../../../shared/restore/wanted-paths.js';

const count = z.number().int().nonnegative();
const partSchema = z.strictObject({
  backupId: z.ulid(),
  archive: z.string(),
  /** Complete records files in the work directory: what is taken from it, all and only the directories; null: everything. */
  records: z.string().nullable(),
  directories: z.string().nullable(),
  /** Lines in `records`; null: all the archive has. */
  entries: count.nullable().default(null),
});

/** `restore-plan.json` of a restore's work directory. */
const planSchema = z.strictObject({
  v: z.literal(1),
  parts: z.array(partSchema),
  /** Names a list cannot carry are taken with all that was below them then: what is not of this state is removed again. */
  inexact: z.boolean(),
  records: count,
  /** Of them, what an earlier restore left right. */
  skipped: count.default(0),
});

export type RestorePlan = z.infer<typeof planSchema>;
export type RestorePart = RestorePlan['parts'][number];

export interface PlanRequest {
  /** The full first, what is restored last. */
  readonly chain: readonly Manifest[];
  readonly layers: readonly StateLayer[];
  /** Only these and what is below them; empty = everything. */
  readonly paths: readonly BytePath[];
  readonly workDir: string;
  readonly signal: AbortSignal;
  /** What is there already, in index order, and whether it can stay: of a restore that goes on with an earlier one. */
  readonly there?: Earlier;
}

export interface Earlier {
  readonly records: AsyncIterable<IndexRecord[]>;
  canStay(want: StateRecord, have: IndexRecord): boolean;
}

const NAME = 'restore-plan.json';

/** Makes the plan, or reads the one an earlier start made. Throws RESTORE_PATH_UNKNOWN. */
export async function restorePlan(request: PlanRequest): Promise<RestorePlan> {
  const file = join(request.workDir, NAME);
  const made = await readFile(file, 'utf8').catch(() => null);
  if (made !== null) return planSchema.parse(JSON.parse(made));
  const [only] = request.chain;
  const whole = request.there === undefined && request.chain.length === 1 && request.paths.length === 0 && only !== undefined && isOfOneState(only);
  const plan = whole ? planWhole(only) : await planByState(request);
  await writeDurable(file, Buffer.from(JSON.stringify(plan)));
  return plan;
}

/** All of a full: no lists. */
function planWhole(manifest: Manifest): RestorePlan {
  const wanted = manifest.archives.filter((archive) => archive.kind === 'data');
  const parts = wanted.map(({ key }) => ({ backupId: manifest.backupId, archive: key, records: null, directories: null, entries: null }));
  return { v: 1, parts, inexact: false, records: manifest.counts.records, skipped: 0 };
}

/**
 * The state says which archive of which backup holds each path: every path is taken from just that one, so that nothing is written twice, nothing has to
 * be removed, and all archives can be extracted at the same time. Directories get their metadata afterwards, oldest archive first.
 */
export async function planByState(request: PlanRequest): Promise<RestorePlan> {
  const { layers, paths, workDir, signal } = request;
  const sorter = new LineSorter({ tempDir: workDir, signal });
  const unseen = new Set(paths);
  const order = new Map(layers.map(({ backupId }, i) => [backupId, String(i).padStart(6, '0')]));
  const there = request.there === undefined ? null : await AlreadyThere.open(request.there);
  let records = 0;
  let skipped = 0;
  let inexact = false;
  for await (const batch of paths.length === 0 ? readStateRecords(layers) : findInState(layers, paths)) {
    for (const record of batch) {
      records += 1;
      markSeen(unseen, recordPath(record));
      if (record.archive === '' || isRoot(record)) continue;
      if (there !== null && (await there.has(record))) {
        skipped += 1;
        continue;
      }
      inexact ||= mayBeAwkward(recordPath(record));
      sorter.add(`${order.get(record.heldBy) ?? ''} ${record.archive} ${formatRecord(record)}`);
    }
    await sorter.drain();
  }
  await there?.close();
  if (unseen.size > 0) throw unknownPaths([...unseen]);
  return { v: 1, parts: await writeParts(sorter, request), inexact, records, skipped };
}

/** Goes through what is there beside what is wanted, both in index order. */
class AlreadyThere {
  private constructor(
    private readonly earlier: Earlier,
    private readonly cursor: Cursor<IndexRecord>,
  ) {}

  static async open(earlier: Earlier): Promise<AlreadyThere> {
    return new AlreadyThere(earlier, await Cursor.open(earlier.records));
  }

  /** Asked in index order. */
  async has(want: StateRecord): Promise<boolean> {
    const key = recordKey(want);
    for (let have = this.cursor.current; have !== undefined; have = this.cursor.current) {
      const found = recordKey(have);
      if (found === key) return this.earlier.canStay(want, have);
      if (found > key) return false;
      await this.cursor.advance();
    }
    return false;
  }

  /** A listing is to be read to its end: only there it is known to be whole. */
  async close(): Promise<void> {
    while (this.cursor.current !== undefined) await this.cursor.advance();
  }
}

async function writeParts(sorter: LineSorter, { layers, workDir }: PlanRequest): Promise<RestorePart[]> {
  const parts: RestorePart[] = [];
  const now: { part: OpenPart | null } = { part: null };
  for await (const batch of sorter.sorted()) {
    for (const text of batch) {
      const archiveAt = text.indexOf(' ') + 1;
      const cut = text.indexOf(' ', archiveAt);
      if (now.part?.key !== text.slice(0, cut)) {
        if (now.part !== null) parts.push(await endPart(now.part));
        const backupId = layers[Number(text.slice(0, archiveAt))]?.backupId ?? '';
        now.part = await openPart(workDir, `part-${parts.length + 1}`, { key: text.slice(0, cut), backupId, archive: text.slice(archiveAt, cut) });
      }
      const line = text.slice(cut + 1);
      now.part.all.add(line);
      if (isDirectoryLine(line)) now.part.directories.add(line);
    }
    await now.part?.all.drain();
    await now.part?.directories.drain();
  }
  return now.part === null ? parts : [...parts, await endPart(now.part)];
}

/** The paths that one archive gives. */
interface OpenPart {
  /** Order of its backup, and its own key. */
  readonly key: string;
  readonly backupId: string;
  readonly archive: string;
  readonly all: LineWriter;
  readonly directories: LineWriter;
}

async function openPart(workDir: string, name: string, of: Pick<OpenPart, 'key' | 'backupId' | 'archive'>): Promise<OpenPart> {
  return { ...of, all: await LineWriter.create(join(workDir, `${name}.records`)), directories: await LineWriter.create(join(workDir, `${name}.directories`)) };
}

async function endPart({ backupId, archive, all, directories }: OpenPart): Promise<RestorePart> {
  const anyDirectory = directories.lines > 0;
  const entries = all.lines;
  await all.end();
  await directories.end();
  return { backupId, archive, records: basename(all.file), directories: anyDirectory ? basename(directories.file) : null, entries };
}

function isRoot(record: StateRecord): boolean {
  return record.name === '.' && record.dirname === '.';
}
