import type { DarConfig } from '../config/config.js';
import type { BytePath } from '../paths/byte-path.js';
import { startPipeline } from '../process/index.js';
import type { ArchiveOptions } from './archive-commands.js';
import { BASE_ARGS, includeArgs } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, withHiddenArgs } from './config-file.js';

export interface SlicesWanted extends ArchiveOptions {
  /** As for extract: what of the archive is wanted. */
  readonly listFile: string;
  readonly includePaths: readonly BytePath[];
}

/** What dar says at the end of `-l -Tslice`; nothing wanted is in the archive: no range. */
const SUMMARY = /All displayed files have their data in slice range \[([\d,-]*)\]/g;
/** The summary is the last of the listing. */
const TAIL_BYTES = 64 * 1024;

/**
 * Numbers of the slices of an archive that hold these paths and the directories above them, by its isolated catalogue (`dar -l -Tslice`): what an extraction reads of it besides
 * the catalogue at its end (seen with dar 2.7.8 and its -E). Null where dar does not tell. Rejects DAR_KEY_UNUSABLE.
 */
export async function slicesHolding(catalogueBase: string, dar: DarConfig, { listFile, includePaths, secretsDir, signal }: SlicesWanted): Promise<number[] | null> {
  const hidden = [...(await keyArgs(dar.encryption, ['-K'])), ...includeArgs(includePaths)];
  return withHiddenArgs(secretsDir, hidden, async (more) => {
    const pipeline = startPipeline([darCommand(['-l', catalogueBase, ...BASE_ARGS, '-Tslice', '-[', listFile, ...more])], signal === undefined ? {} : { signal });
    const [tail, [stage]] = await Promise.all([lastBytes(pipeline.stdout), pipeline.done]);
    return stage?.status.code === 0 ? sliceRange(tail.toString('latin1')) : null;
  });
}

async function lastBytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  let kept = Buffer.alloc(0);
  for await (const chunk of stream) kept = Buffer.concat([kept, chunk]).subarray(-TAIL_BYTES);
  return kept;
}

/** `1,3-4` as numbers (pure); null: it is not said. */
export function sliceRange(listing: string): number[] | null {
  const last = [...listing.matchAll(SUMMARY)].at(-1)?.[1];
  if (last === undefined) return null;
  return last.split(',').filter((part) => part !== '').flatMap((part) => {
    const [first = 0, end = first] = part.split('-').map(Number);
    return Array.from({ length: end - first + 1 }, (_, i) => first + i);
  });
}
