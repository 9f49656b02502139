import { z } from 'zod';
import type { StageResult } from '../../process/index.js';
import { throwIfAborted } from '../posix/fs-errors.js';
import { kindOfFailure } from './failures.js';
import { parseJson, parseMessages } from './messages.js';
import type { RcloneRemote } from './remote.js';
import { linesOf, unlessSilent } from './silence.js';

/** A file or directory as `rclone lsjson` prints it. */
export interface Entry {
  /** Relative to what was listed. */
  readonly path: string;
  /** -1 for directories. */
  readonly bytes: number;
  readonly isDirectory: boolean;
}

const entrySchema = z.object({ Path: z.string(), Size: z.number(), IsDir: z.boolean() });

/** One line of what `lsjson` prints: an entry with a comma behind it, or a bracket, which is null. Throws where it is anything else. */
export function parseEntry(line: string): Entry | null {
  const text = line.trim().replace(/,$/, '');
  if (text === '' || text === '[' || text === ']') return null;
  const { Path, Size, IsDir } = entrySchema.parse(parseJson(text));
  return { path: Path, bytes: Size, isDirectory: IsDir };
}

export interface ListingOptions {
  /** Only these. */
  readonly names?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** What is below `dir`, streaming, in no order; nothing where it is not there. Throws LTS_MISSING where the root is not, TRANSFER_IO where it hangs, and what rclone met. */
export async function* readListing(remote: RcloneRemote, dir: string, how: readonly string[], { names, signal }: ListingOptions = {}): AsyncGenerator<Entry> {
  const subject = remote.at(dir);
  const args = ['lsjson', '--no-modtime', '--no-mimetype', ...how, ...(names === undefined ? [] : ['--recursive', '--files-from-raw', '-', '--no-traverse']), subject];
  const pipeline = remote.pipe(remote.command(args), signal, { input: 'pipe' });
  pipeline.stdin?.end((names ?? []).map((name) => `${name}\n`).join(''));
  try {
    const output = unlessSilent(pipeline.stdout as AsyncIterable<Buffer>, remote.limits.silentMs, () => remote.hung(subject, 'rclone lsjson said nothing any more'));
    for await (const line of linesOf(output)) {
      const entry = parseEntry(line);
      if (entry !== null) yield entry;
    }
  } catch (thrown) {
    throw remote.translate(thrown, signal, subject);
  } finally {
    pipeline.stop();
  }
  const [{ status, stderr }] = (await pipeline.done) as [StageResult];
  throwIfAborted(signal, subject);
  // Stopped when everything was read: it may have been about to end.
  if (status.code === 0) return;
  const text = stderr.toString('utf8');
  if (kindOfFailure(status.code, parseMessages(text)) !== 'missing') throw remote.failure({ status, stderr: text }, subject);
  await remote.assertRoot(signal);
}
