import { basename } from 'node:path';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, startPipeline, type Arg, type StageResult } from '../process/index.js';
import { BASE_ARGS, compressionArgs, SLICE_ARGS } from './arguments.js';
import { keyArgs, withHiddenArgs, type KeyOption } from './config-file.js';
import { messagesOf, messageText } from './messages.js';
import { isNonEmptyFile } from './slice-files.js';

export interface ArchiveOptions {
  /** Private directory for short-lived files: the passphrase's, and a listing. */
  readonly secretsDir: string;
  readonly signal?: AbortSignal;
}

/**
 * `dar -C`: writes the catalogue of an archive to `catalogueBase` (one file, `.1.dar`, with its hash beside it).
 * For small archives far cheaper than isolating on the fly: 10 ms against 0.1-1 s. Rejects DAR_ISOLATION_FAILED.
 */
export async function isolateCatalogue(base: string, catalogueBase: string, dar: DarConfig, options: ArchiveOptions): Promise<void> {
  const args = ['-C', catalogueBase, '-A', base, ...BASE_ARGS, ...SLICE_ARGS, ...compressionArgs(dar)];
  const stage = await runDar(args, dar, ['-K', '-J'], options);
  if (stage.status.code === 0 && (await isNonEmptyFile(`${catalogueBase}.1.dar`))) return;
  throw new BwError('DAR_ISOLATION_FAILED', {
    message: `the catalogue of an archive could not be isolated (${describeStatus(stage.status)})`,
    retry: 'retry',
    hint: 'If it comes again, test the archive (dar -t) and look at the free space of staging.',
    subject: basename(base),
    detail: detailOf(stage),
  });
}

/** `dar -t`: reads the whole archive and checks it. Rejects DAR_ARCHIVE_DAMAGED. */
export async function testArchive(base: string, dar: DarConfig, options: ArchiveOptions): Promise<void> {
  const stage = await runDar(['-t', base, ...BASE_ARGS], dar, ['-K'], options);
  if (stage.status.code === 0) return;
  throw new BwError('DAR_ARCHIVE_DAMAGED', {
    message: `dar cannot read the archive back (${describeStatus(stage.status)})`,
    retry: 'retry',
    hint: 'What was read here is not usable. While a backup runs the shard is made again; of a sealed one, verify its slices.',
    subject: basename(base),
    detail: detailOf(stage),
  });
}

/** dar's stdout goes the same way as its stderr: both may hold the reason. */
async function runDar(args: readonly Arg[], dar: DarConfig, keys: readonly KeyOption[], options: ArchiveOptions): Promise<StageResult & { stdout: Buffer }> {
  return withHiddenArgs(options.secretsDir, await keyArgs(dar.encryption, keys), async (hidden) => {
    const { signal } = options;
    const pipeline = startPipeline([{ program: 'dar', args: [...args, ...hidden] }], signal === undefined ? {} : { signal });
    const [stdout, [stage]] = await Promise.all([firstBytes(pipeline.stdout), pipeline.done]);
    if (signal?.aborted === true) throw abortedDar();
    return { ...(stage as StageResult), stdout };
  });
}

/** The first 64 KiB; the rest is read and dropped. */
async function firstBytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let room = 64 * 1024;
  for await (const chunk of stream) {
    if (room > 0) kept.push(chunk.subarray(0, room));
    room -= chunk.length;
  }
  return Buffer.concat(kept);
}

function detailOf(stage: StageResult & { stdout: Buffer }): string {
  return messageText(messagesOf(stage.stdout, stage.stderr));
}

/** dar ended because the caller's signal was aborted. */
export function abortedDar(): BwError {
  return new BwError('PROGRAM_ABORTED', {
    message: 'dar was stopped because its caller ended',
    retry: 'retry',
    hint: 'Nothing to do: the work is stopped on purpose and taken up again later.',
    subject: 'dar',
  });
}
