import { BwError } from '../errors/bw-error.js';
import type { BytePath } from '../paths/byte-path.js';
import { describeStatus, startPipeline, tailText } from '../process/index.js';
import { completeLines, parseRecord, parseRecords, pathOfLine, splitLines } from './format.js';
import { compileGlob } from './glob.js';
import { isAtOrBelow } from './paths-below.js';
import type { IndexRecord } from './record.js';

/**
 * The records of a final index (zstd-compressed), in order, in batches; memory is bounded. It may be left early.
 * Throws INDEX_DAMAGED, also when the end record is missing or wrong.
 */
export function readIndex(file: string): AsyncGenerator<IndexRecord[], void> {
  return parseRecords(indexLines(file));
}

/** The records at the given paths (relative to the basepath) and all below them. Throws INDEX_DAMAGED. */
export function findInIndex(file: string, paths: readonly BytePath[]): AsyncGenerator<IndexRecord[], void> {
  return matching(file, isAtOrBelow(paths));
}

/** The records whose name (pattern without `/`) or path matches a glob pattern; null: all. Throws INDEX_DAMAGED. */
export function listIndex(file: string, pattern: string | null): AsyncGenerator<IndexRecord[], void> {
  return pattern === null ? readIndex(file) : matching(file, compileGlob(pattern));
}

async function* matching(file: string, matches: (path: BytePath) => boolean): AsyncGenerator<IndexRecord[], void> {
  for await (const lines of indexLines(file)) {
    const found = lines.filter((line) => matches(pathOfLine(line))).map(parseRecord);
    if (found.length > 0) yield found;
  }
}

/** The lines of an index, in batches. Throws INDEX_DAMAGED. */
export async function* indexLines(file: string): AsyncGenerator<string[], void> {
  const zstd = startPipeline([{ program: 'zstd', args: ['-q', '-d', '-c', '--', file] }]);
  let complete = false;
  try {
    yield* completeLines(splitLines(zstd.stdout as AsyncIterable<Buffer>));
    complete = true;
  } catch (thrown) {
    const [stage] = await zstd.done; // what zstd says explains a cut-off index better
    throw stage !== undefined && stage.status.code !== 0 && stage.stderr.length > 0 ? damagedIndex(file, stage.stderr, thrown) : thrown;
  } finally {
    if (!complete) zstd.stop();
  }
  const [stage] = await zstd.done;
  if (stage?.status.code !== 0) throw damagedIndex(file, stage === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from(describeStatus(stage.status)), stage.stderr]));
}

/** What INDEX_DAMAGED says of a file that zstd cannot read. */
export function damagedIndex(file: string, said: Buffer, cause?: unknown): BwError {
  return new BwError('INDEX_DAMAGED', {
    message: 'the index of a backup cannot be decompressed',
    subject: file,
    retry: 'permanent',
    hint: 'Take the copy kept in long-term storage (the manifest names it), or rebuild the catalog from there.',
    detail: tailText(said),
    ...(cause === undefined ? {} : { cause }),
  });
}
