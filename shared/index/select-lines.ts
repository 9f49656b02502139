import { describeStatus, startPipeline, type StageResult } from '../process/index.js';
import type { BwError } from '../errors/bw-error.js';
import { damagedIndex } from './find-in-index.js';
import { END_BYTE, splitLines } from './format.js';
import type { LineFilter } from './line-filter.js';

/**
 * The wanted lines of one index, in order, in batches: decompressed and sifted by programs, so that what nobody wants never comes here. That it is
 * whole is known from zstd's own checksum and the end record; records are not counted. Throws INDEX_DAMAGED.
 */
export async function* selectLines(file: string, filter: LineFilter): AsyncGenerator<string[], void> {
  let ends = 0;
  for await (const lines of siftedLines([file], filter)) {
    const found = lines.filter((line) => !isEnd(line) && filter.matches(line));
    ends += lines.reduce((sum, line) => sum + Number(isEnd(line)), 0);
    if (found.length > 0) yield found;
  }
  if (ends === 0) throw incomplete([file]);
}

/** A line, and the number of the file it stands in. */
export interface NumberedLine {
  readonly line: string;
  readonly file: number;
}

/** Files given to one zstd: far from what the system lets a command line be. */
const FILES_AT_ONCE = 500;

/** The same of many differences (which have exactly one end record each) with few programs, file by file. Throws INDEX_DAMAGED. */
export async function* selectFromDifferences(files: readonly string[], filter: LineFilter): AsyncGenerator<NumberedLine[], void> {
  for (let from = 0; from < files.length; from += FILES_AT_ONCE) {
    const some = files.slice(from, from + FILES_AT_ONCE);
    let at = 0;
    for await (const lines of siftedLines(some, filter)) {
      const found: NumberedLine[] = [];
      for (const line of lines) {
        if (isEnd(line)) at += 1;
        else if (filter.matches(line)) found.push({ line, file: from + at });
      }
      if (found.length > 0) yield found;
    }
    if (at !== some.length) throw incomplete(some);
  }
}

async function* siftedLines(files: readonly string[], filter: LineFilter): AsyncGenerator<string[], void> {
  const sieves = filter.stages.map((args) => ({ program: 'grep', args: ['-z', '-a', ...args] }));
  const pipeline = startPipeline([{ program: 'zstd', args: ['-q', '-d', '-c', '--', ...files] }, ...sieves]);
  let complete = false;
  try {
    yield* splitLines(pipeline.stdout as AsyncIterable<Buffer>);
    complete = true;
  } catch (thrown) {
    requireSuccess(files, await pipeline.done, thrown); // what zstd says explains a cut-off index better
    throw thrown;
  } finally {
    if (!complete) pipeline.stop();
  }
  requireSuccess(files, await pipeline.done);
}

function requireSuccess(files: readonly string[], stages: readonly StageResult[], cause?: unknown): void {
  const failed = stages.find(({ program, status }) => status.code !== 0 && !(program === 'grep' && status.code === 1));
  if (failed === undefined) return;
  throw damagedIndex(named(files), Buffer.concat([Buffer.from(`${failed.program}: ${describeStatus(failed.status)}\n`), failed.stderr]), cause);
}

function isEnd(line: string): boolean {
  return line.charCodeAt(0) === END_BYTE;
}

function named(files: readonly string[]): string {
  return files.length === 1 ? (files[0] ?? '') : `one of ${files.length} indexes from ${files[0] ?? ''} on`;
}

function incomplete(files: readonly string[]): BwError {
  return damagedIndex(named(files), Buffer.from('it has no end record: its writing was interrupted'));
}
