import { basename } from 'node:path';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, run, startPipeline, type StageResult } from '../process/index.js';
import { BASE_ARGS, catalogueCompressionArgs, SLICE_ARGS } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, withHiddenArgs } from './config-file.js';
import { messagesOf, messageText } from './messages.js';
import { isNonEmptyFile } from './slice-files.js';

export interface ArchiveOptions {
  /** Private directory for short-lived files: the passphrase's, and a listing. */
  readonly secretsDir: string;
  readonly signal?: AbortSignal;
}

/**
 * `dar -C`: writes the catalogue of an archive to `catalogueBase` (one file, `.1.dar`, with its hash beside it).
 * Rejects PROGRAM_ABORTED, DAR_ISOLATION_FAILED.
 */
export async function isolateCatalogue(base: string, catalogueBase: string, dar: DarConfig, options: ArchiveOptions): Promise<void> {
  const args = isolateArgs(base, catalogueBase, dar);
  await withHiddenArgs(options.secretsDir, await keyArgs(dar.encryption, ['-K', '-J']), async (hidden) => {
    const { signal } = options;
    const { status, stdout, stderr } = await run(darCommand([...args, ...hidden]), { okCodes: ALL_CODES, ...(signal === undefined ? {} : { signal }) });
    // dar's stdout goes the same way as its stderr: both may hold the reason.
    if (status.code !== 0) throw isolationFailed(base, describeStatus(status), messageText(messagesOf(stdout, Buffer.from(stderr))));
  });
  if (!(await isNonEmptyFile(`${catalogueBase}.1.dar`))) throw isolationFailed(base, 'no catalogue is there', '');
}

/** Any exit code is an answer here. */
const ALL_CODES = Array.from({ length: 256 }, (_, code) => code);

/** Arguments of `dar -C` but for the passphrase. */
export function isolateArgs(base: string, catalogueBase: string, dar: DarConfig): string[] {
  return ['-C', catalogueBase, '-A', base, ...BASE_ARGS, ...SLICE_ARGS, ...catalogueCompressionArgs(dar)];
}

export function isolationFailed(base: string, how: string, detail: string): BwError {
  return new BwError('DAR_ISOLATION_FAILED', {
    message: `the catalogue of an archive could not be isolated (${how})`,
    retry: 'retry',
    hint: 'If it comes again, test the archive (dar -t) and look at the free space of staging.',
    subject: basename(base),
    ...(detail === '' ? {} : { detail }),
  });
}

/** `dar -t`: reads the archive, or of it only what `listFile` names, and checks it. Rejects DAR_ARCHIVE_DAMAGED. */
export async function testArchive(base: string, dar: DarConfig, options: ArchiveOptions & { readonly listFile?: string }): Promise<void> {
  const args = ['-t', base, ...BASE_ARGS, ...(options.listFile === undefined ? [] : ['-[', options.listFile])];
  return withHiddenArgs(options.secretsDir, await keyArgs(dar.encryption, ['-K']), async (hidden) => {
    const { signal } = options;
    const pipeline = startPipeline([darCommand([...args, ...hidden])], signal === undefined ? {} : { signal });
    const [stdout, [stage]] = await Promise.all([firstBytes(pipeline.stdout), pipeline.done]);
    if (signal?.aborted === true) throw abortedDar();
    const { status, stderr } = stage as StageResult;
    if (status.code !== 0) throw archiveDamaged(base, describeStatus(status), messageText(messagesOf(stdout, stderr)));
  });
}

/** The first 64 KiB; the rest is read and dropped: every damaged file of a big archive gets a line. */
async function firstBytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let room = 64 * 1024;
  for await (const chunk of stream) {
    if (room > 0) kept.push(chunk.subarray(0, room));
    room -= chunk.length;
  }
  return Buffer.concat(kept);
}

function archiveDamaged(base: string, how: string, detail: string): BwError {
  return new BwError('DAR_ARCHIVE_DAMAGED', {
    message: `dar cannot read the archive back (${how})`,
    retry: 'retry',
    hint: 'What was read here is not usable. While a backup runs the shard is made again; of a sealed one, verify its slices.',
    subject: basename(base),
    detail,
  });
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
