import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import { BwError } from '../errors/bw-error.js';
import { showPath, type BytePath } from '../paths/byte-path.js';
import { AwkwardShards, LINKED_MARK } from './awkward-shards.js';
import { awkwardUnit, mayBeAwkward } from './awkward.js';
import { Cursor } from './cursor.js';
import { ExceptionLog, type IndexException } from './exceptions.js';
import { endLine, formatRecord } from './format.js';
import { HardLinks, type LinkFacts } from './hard-links.js';
import { LineSorter } from './line-sorter.js';
import { LinkParts } from './link-parts.js';
import { recordPath, type IndexRecord } from './record.js';
import { ShardCutter, type CutLimits, type Part } from './shard-cutter.js';
import { mergeInto, plannedShard, shardFile, type PlannedShard } from './shard-files.js';
import { isHardLinked, Tally } from './tally.js';

export interface PlanOptions {
  /** Absolute path that is read: with it a path must stay below PATH_MAX. */
  readonly root: BytePath;
  /** In index order, the root among them. */
  readonly records: AsyncIterable<IndexRecord[]>;
  readonly limits: CutLimits;
  /** Gets `shard-0001.records` and so on, and work files of sorting. */
  readonly outDir: string;
  /** Exceptions known from the scan: they go to the plan's exceptions file. */
  readonly known?: readonly IndexException[];
  readonly signal?: AbortSignal;
}

export interface ShardPlan {
  /** The basepath directory itself: in no shard, its metadata is an archive of its own. */
  readonly root: IndexRecord;
  readonly shards: readonly PlannedShard[];
  readonly counts: {
    /** All shards and the root. */
    readonly records: number;
    readonly directories: number;
    /** All that are not directories. */
    readonly files: number;
    /** Apparent bytes of regular files, hard links once; decimal. */
    readonly sourceBytes: string;
    /** Inodes with several names. */
    readonly hardlinkSets: number;
    readonly exceptions: number;
  };
  /** NDJSON file in `outDir`, null when there are no exceptions. */
  readonly exceptionsFile: string | null;
}

/** PATH_MAX less the NUL; measured: dar 2.7.8 saves a path of 4095 bytes and fails at 4096. */
const MAX_PATH_BYTES = 4095;
const EXCEPTIONS_FILE = 'plan.exceptions';

/**
 * Cuts an index into shards. The same index gives the same shards. Memory does not grow with the index.
 * Throws INDEX_VOID without a root record, SORT_FAILED, OUTPUT_NOT_CREATED.
 */
export async function planShards(options: PlanOptions): Promise<ShardPlan> {
  const planner = new Planner(options);
  try {
    for await (const batch of options.records) await planner.add(batch);
    return await planner.finish();
  } finally {
    await planner.close();
  }
}

class Planner {
  readonly #options: PlanOptions;
  readonly #cutter: ShardCutter;
  readonly #links: HardLinks;
  /** What does not go straight into a part: `P00000012LINE`, or as AwkwardShards takes it. */
  readonly #extras: LineSorter;
  readonly #total = new Tally();
  readonly #exceptions: ExceptionLog;
  #root: IndexRecord | null = null;
  #position = 0;
  #last: IndexRecord | null = null;
  #directory = { name: '', awkward: false };
  readonly #longest: number;

  constructor(options: PlanOptions) {
    const sorting = { tempDir: options.outDir, ...(options.signal === undefined ? {} : { signal: options.signal }) };
    this.#options = options;
    this.#cutter = new ShardCutter(options.outDir, options.limits);
    this.#links = new HardLinks(sorting);
    this.#exceptions = new ExceptionLog(join(options.outDir, EXCEPTIONS_FILE));
    this.#extras = new LineSorter(sorting);
    this.#longest = MAX_PATH_BYTES - options.root.length - 1;
  }

  async add(batch: readonly IndexRecord[]): Promise<void> {
    for (const record of batch) {
      if (this.#repeats(record)) continue;
      if (record.dirname.length + record.name.length >= this.#longest && recordPath(record).length > this.#longest) {
        this.#exceptions.add({ path: recordPath(record), reason: 'path longer than PATH_MAX', detail: `more than ${MAX_PATH_BYTES} bytes with the root` });
      } else if (record.name === '.' && record.dirname === '.') this.#root = record;
      else {
        const added = this.#place(record);
        if (added !== undefined) await added;
      }
    }
    await this.#exceptions.drain();
    await this.#cutter.drain();
    await this.#links.drain();
    await this.#extras.drain();
  }

  async finish(): Promise<ShardPlan> {
    const root = this.#root;
    if (root === null) throw noRoot(this.#options.root);
    for (const known of this.#options.known ?? []) this.#exceptions.add(known);
    const parts = await this.#cutter.finish();
    const linkParts = new LinkParts(parts, this.#options.limits);
    const links = await this.#placeLinks(linkParts);
    const shards = await this.#writeShards(parts, linkParts);
    const exceptionsFile = await this.#exceptions.close();
    this.#total.bytes.addSum(links.tally.bytes);
    const { records, directories, bytes } = this.#total;
    const counts = { records: records + 1, directories: directories + 1, files: records - directories, sourceBytes: bytes.total.toString() };
    return {
      root,
      shards,
      counts: { ...counts, hardlinkSets: links.sets, exceptions: this.#exceptions.count },
      exceptionsFile: exceptionsFile === null ? null : EXCEPTIONS_FILE,
    };
  }

  /** After success and failure alike. */
  async close(): Promise<void> {
    this.#links.abandon();
    this.#extras.abandon();
    await this.#exceptions.close();
    for (const part of await this.#cutter.finish()) await removeFile(part.file);
  }

  /** A directory that changes while it is read can yield a name twice. */
  #repeats(record: IndexRecord): boolean {
    const last = this.#last;
    this.#last = record;
    return last !== null && last.name === record.name && last.dirname === record.dirname;
  }

  /** Most paths are not put together for this: the directory's name is looked at once for all it contains. */
  #unitOf(record: IndexRecord): string | null {
    if (record.dirname !== this.#directory.name) this.#directory = { name: record.dirname, awkward: mayBeAwkward(record.dirname) };
    return this.#directory.awkward || mayBeAwkward(record.name) ? awkwardUnit(recordPath(record)) : null;
  }

  #place(record: IndexRecord): Promise<void> | undefined {
    const line = formatRecord(record);
    const unit = this.#unitOf(record);
    const linked = isHardLinked(record);
    this.#position += 1;
    this.#total.records += 1;
    if (record.type === 'd') this.#total.directories += 1;
    if (linked) this.#links.add(record, line, unit, this.#position);
    else if (record.type === 'f') this.#total.bytes.add(record.size);
    if (unit === null) return this.#cutter.add(record, linked ? null : line, this.#position);
    if (!linked) this.#extras.add(`U${unit}//1${line}`);
    return undefined;
  }

  #placeLinks(parts: LinkParts): Promise<LinkFacts> {
    let part = 0;
    return this.#links.resolve({
      plain: (set, line, first) => {
        if (first) part = parts.choose(set, this.#cutter.partAt(set.position));
        this.#extras.add(`${partPrefix(part)}${line}`);
        return this.#extras.drain();
      },
      awkward: (unit, line, first) => {
        this.#extras.add(`U${unit}//${first ? '1' : '0'}${line}`);
        return this.#extras.drain();
      },
      linked: (unit) => { this.#extras.add(`U${unit}//${LINKED_MARK}`); },
    });
  }

  async #writeShards(parts: readonly Part[], links: LinkParts): Promise<PlannedShard[]> {
    const shards: PlannedShard[] = [];
    const extras = await Cursor.open(this.#extras.sorted());
    for (let part = 0; part < links.count; part += 1) {
      const shard = await this.#writePlain(parts[part] ?? null, part, links, extras, shards.length + 1);
      if (shard !== null) shards.push(shard);
    }
    const awkward = new AwkwardShards(this.#options.outDir, this.#options.limits, shards);
    try {
      for (; extras.current !== undefined; await extras.advance()) await awkward.add(extras.current);
    } finally {
      await awkward.finish();
    }
    return shards;
  }

  /** `part` null: it holds hard-linked files only. */
  async #writePlain(part: Part | null, index: number, links: LinkParts, extras: Cursor<string>, number: number): Promise<PlannedShard | null> {
    const tally = new Tally();
    const linked = links.added(index);
    for (const some of [part?.tally, linked]) if (some !== undefined) tally.addTally(some);
    if (tally.records === 0) return null;
    const file = shardFile(number);
    const target = join(this.#options.outDir, file);
    if (linked === undefined && part !== null) {
      await appendFile(part.file, `${endLine(tally.records)}\0`);
      await rename(part.file, target);
    } else await mergeInto(target, part?.file ?? null, partPrefix(index), extras);
    return plannedShard(number, file, tally, { sorted: true, kind: 'plain' });
  }
}

function partPrefix(part: number): string {
  return `P${String(part).padStart(8, '0')}`;
}

function noRoot(root: BytePath): BwError {
  return new BwError('INDEX_VOID', {
    message: 'the listing of the source does not contain the source directory itself',
    subject: showPath(root),
    retry: 'retry',
    hint: 'The listing was cut short; nothing was planned on it.',
  });
}
