import { createHash } from 'node:crypto';
import { open, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { readPieces } from '../files/read-pieces.js';
import { removeFile } from '../files/remove-file.js';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, run, startPipeline, tailText, type StageResult } from '../process/index.js';
import { checkEnds, END_BYTE, endLine } from './format.js';
import { LineWriter, readCompleteLines } from './line-file.js';
import { mergeLatest } from './merge-newest.js';

export interface MergeOptions {
  /** One per shard, sorted, with end record; no path is in two of them. */
  readonly settledFiles: readonly string[];
  /** Index line of the basepath directory itself. */
  readonly rootRecord: Buffer;
  /** The final index, zstd-compressed; replaced if it exists. Work files lie beside it. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

export interface MergedIndex {
  readonly records: number;
  readonly bytes: number;
  /** Of the file, hexadecimal. */
  readonly sha512: string;
}

/** Up to this many bytes of settled records are merged here, without a `sort`. */
const MEMORY_BYTES = 3 * 1024 * 1024;
/** `sort -m` opens this many files at once and goes in rounds for more. */
const MERGE_FILES = '200';

/**
 * Makes the final index of a backup from its settled shards. What the end records of the shards promise is counted.
 * Throws INDEX_DAMAGED, INDEX_NOT_WRITTEN.
 */
export async function mergeSettled(options: MergeOptions): Promise<MergedIndex> {
  const root = options.rootRecord.toString('latin1').replace(/\0$/, '');
  const sizes = await Promise.all(options.settledFiles.map(async (file) => (await stat(file)).size));
  const small = sizes.reduce((sum, size) => sum + size, 0) <= MEMORY_BYTES;
  if (small) {
    const merged = await mergeInMemory(options.settledFiles, root);
    return { records: merged.records, ...(await compressBytes(merged.content, options)) };
  }
  const merged = await mergeBySort(options, root);
  const written = await compressInto(merged.content, options);
  return { records: merged.records(), ...written };
}

export interface DifferenceOptions {
  /** What the chain holds of paths that were to be saved · what is said of paths that were not (compareStates). */
  readonly oldFile: string;
  readonly keptFile: string;
  /** One per shard, sorted, with end record; no path is in two of them. */
  readonly settledFiles: readonly string[];
  /** Index line of the basepath directory itself; null when it did not change. */
  readonly rootRecord: Buffer | null;
  /** The index, zstd-compressed; must not exist. Work files lie beside it. */
  readonly out: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes the index of a backup with a parent, the difference to the parent's state: what was saved, what is gone, and, flagged, what was to be saved and
 * was not, as the chain holds it. The inputs stay, so that it can be repeated. Throws INDEX_DAMAGED, INDEX_NOT_WRITTEN, OUTPUT_NOT_CREATED.
 */
export async function mergeDifference(options: DifferenceOptions): Promise<MergedIndex> {
  const { oldFile, keptFile, settledFiles, rootRecord, out, signal } = options;
  const rootFile = await rootFileOf(`${out}.root`, rootRecord);
  const plain = await LineWriter.create(`${out}.plain`);
  try {
    await mergeLatest([oldFile, keptFile, ...settledFiles, rootFile], plain);
    const records = plain.lines;
    await plain.end();
    const zstd = startPipeline([{ program: 'zstd', args: [...ZSTD_ARGS, '--', plain.file] }], { stdoutFile: out, ...(signal === undefined ? {} : { signal }) });
    requireSuccess(await zstd.done, out);
    return { records, bytes: (await stat(out)).size, sha512: await hashOf(out) };
  } finally {
    await plain.close();
    for (const file of [plain.file, rootFile]) await removeFile(file);
  }
}

async function rootFileOf(file: string, rootRecord: Buffer | null): Promise<string> {
  const root = await LineWriter.create(file);
  if (rootRecord !== null) root.add(rootRecord.toString('latin1').replace(/\0$/, ''));
  await root.end();
  return file;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const piece of readPieces(file, 1024 * 1024)) hash.update(piece);
  return hash.digest('hex');
}

const ZSTD_ARGS = ['-q', '-T1', '-3', '-c'];

async function compressBytes(content: Buffer, { out, signal }: MergeOptions): Promise<Pick<MergedIndex, 'bytes' | 'sha512'>> {
  const { stdout } = await run({ program: 'zstd', args: ZSTD_ARGS }, { input: content, ...(signal === undefined ? {} : { signal }) });
  await writeFile(out, stdout, { mode: 0o600 });
  return { bytes: stdout.length, sha512: createHash('sha512').update(stdout).digest('hex') };
}

async function compressInto(content: Merged['content'], { out, signal }: MergeOptions): Promise<Pick<MergedIndex, 'bytes' | 'sha512'>> {
  // Opened first: the output of a program that ends before anybody reads is thrown away by Node (seen: sealed indexes that were cut off).
  const file = await open(out, 'w', 0o600);
  try {
    const zstd = startPipeline([{ program: 'zstd', args: ZSTD_ARGS }], {
      input: Readable.from(content, { objectMode: true }),
      ...(signal === undefined ? {} : { signal }),
    });
    const written = await writeHashed(zstd.stdout, file);
    requireSuccess(await zstd.done, out);
    return written;
  } finally {
    await file.close();
  }
}

interface Merged {
  readonly content: AsyncIterable<Buffer>;
  /** Known when the content was read. */
  readonly records: () => number;
}

async function mergeInMemory(files: readonly string[], root: string): Promise<{ content: Buffer; records: number }> {
  const lines = [root];
  for (const file of files) for await (const batch of readCompleteLines(file)) lines.push(...batch);
  lines.sort(); // runs that are sorted already: a merge
  const records = lines.length;
  lines.push(endLine(records), '');
  return { content: Buffer.from(lines.join('\0'), 'latin1'), records };
}

/**
 * The end records sort behind all others, and their counts add up, so that the merged stream is a complete index
 * as it is: its bytes only pass through and are counted.
 */
async function mergeBySort(options: MergeOptions, root: string): Promise<Merged> {
  const rootFile = await LineWriter.create(`${options.out}.root`);
  rootFile.add(root);
  await rootFile.end();
  const args = ['-z', '-m', `--batch-size=${MERGE_FILES}`, '-T', dirname(options.out), '--', rootFile.file, ...options.settledFiles];
  const sort = startPipeline([{ program: 'sort', args }], options.signal === undefined ? {} : { signal: options.signal });
  let records = 0;
  async function* content(): AsyncGenerator<Buffer> {
    const counter = new RecordCounter();
    for await (const chunk of sort.stdout as AsyncIterable<Buffer>) {
      counter.add(chunk);
      yield chunk;
    }
    requireSuccess(await sort.done, options.out);
    records = counter.check();
    await removeFile(rootFile.file);
  }
  return { content: content(), records: () => records };
}

/** Counts lines by their NULs alone, and keeps the end records, which begin with `/`, for the check. */
class RecordCounter {
  #records = 0;
  #lineStart = true;
  #ends = '';

  add(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#ends !== '' || (this.#lineStart && chunk[at] === END_BYTE)) {
        this.#ends += chunk.toString('latin1', at);
        return;
      }
      const end = chunk.indexOf(0, at);
      this.#lineStart = end !== -1;
      if (end === -1) return;
      this.#records += 1;
      at = end + 1;
    }
  }

  /** Number of records. Throws INDEX_DAMAGED. */
  check(): number {
    checkEnds(this.#ends.split('\0').slice(0, -1), this.#records);
    return this.#records;
  }
}

async function writeHashed(source: Readable, out: FileHandle): Promise<{ bytes: number; sha512: string }> {
  const hash = createHash('sha512');
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    hash.update(chunk);
    await out.appendFile(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha512: hash.digest('hex') };
}

function requireSuccess(stages: readonly StageResult[], file: string): void {
  const failed = stages.find((stage) => stage.status.code !== 0);
  if (failed === undefined) return;
  throw new BwError('INDEX_NOT_WRITTEN', {
    message: `the final index could not be written: ${failed.program} ended with ${describeStatus(failed.status)}`,
    subject: file,
    retry: 'retry',
    hint: 'Check space and permissions of the work directory in the catalog.',
    detail: tailText(failed.stderr),
  });
}
