import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, startPipeline, tailFile, tailText, type ExitStatus, type StageResult } from '../process/index.js';
import { abortedDar, type ArchiveOptions } from './archive-commands.js';
import { BASE_ARGS } from './arguments.js';
import { CatalogueParser, CatalogueSyntaxError, type CatalogueEntry } from './catalogue-parser.js';
import { darCommand } from './command.js';
import { keyArgs, writeHiddenArgs } from './config-file.js';

/** How often to look for more of the listing; its end is noticed at once. */
const POLL_MS = 20;

/**
 * Everything an archive, or an isolated catalogue, holds, in batches. Only when the iteration ends without an error was
 * that all of it: DAR_CATALOGUE_UNREADABLE otherwise, however much was yielded before.
 *
 * dar writes the listing to a file of `secretsDir` (330 bytes per entry), which is parsed while it grows and then
 * removed: dar flushes every line, and reading those small pieces from a pipe costs this process three times the CPU.
 */
export async function* listCatalogue(base: string, dar: DarConfig, options: ArchiveOptions & { readonly inodes?: boolean }): AsyncGenerator<CatalogueEntry[], void> {
  const hidden = await keyArgs(dar.encryption, ['-K']);
  const keyFile = hidden.length === 0 ? null : await writeHiddenArgs(options.secretsDir, hidden);
  const listing = join(options.secretsDir, `list-${randomBytes(8).toString('hex')}.xml`);
  const args = [...listArgs(base), ...(keyFile === null ? [] : ['-B', keyFile])];
  try {
    yield* parse(base, args, listing, new CatalogueParser(options.inodes === true ? { inodes: true } : {}), options.signal);
  } finally {
    await removeFile(listing);
    if (keyFile !== null) await removeFile(keyFile);
  }
}

async function* parse(base: string, args: readonly string[], listing: string, parser: CatalogueParser, signal: AbortSignal | undefined): AsyncGenerator<CatalogueEntry[], void> {
  const pipeline = startPipeline([darCommand(args)], { stdoutFile: listing, ...(signal === undefined ? {} : { signal }) });
  try {
    for await (const chunk of tailFile(listing, pipeline.done, POLL_MS)) {
      const entries = parser.push(chunk);
      if (entries.length > 0) yield entries;
    }
    await assertEnded(base, parser, pipeline.done, signal);
  } catch (error) {
    if (error instanceof CatalogueSyntaxError) throw unreadable(base, error.message, null, error);
    throw error;
  } finally {
    pipeline.stop(); // without effect unless the reader, or the parser, gave up early
    await pipeline.done;
  }
}

/** Arguments of the listing that is parsed here. -ay: sizes in bytes, else they are rounded to units. */
export function listArgs(base: string): string[] {
  return ['-l', base, ...BASE_ARGS, '-Txml', '-ay'];
}

/** The entries of a listing that was made before, which is small. Throws DAR_CATALOGUE_UNREADABLE unless dar ended well and the listing with it. */
export function parseListing(base: string, listing: Buffer, status: ExitStatus): CatalogueEntry[] {
  if (status.code !== 0) throw unreadable(base, describeStatus(status), null);
  const parser = new CatalogueParser();
  try {
    const entries = parser.push(listing);
    parser.finish();
    return entries;
  } catch (error) {
    if (error instanceof CatalogueSyntaxError) throw unreadable(base, error.message, null, error);
    throw error;
  }
}

/** An exit code of 0 alone is not proof, nor is the closing tag. */
async function assertEnded(base: string, parser: CatalogueParser, done: Promise<StageResult[]>, signal: AbortSignal | undefined): Promise<void> {
  const [stage] = await done;
  if (signal?.aborted === true) throw abortedDar();
  if (stage?.status.code !== 0) throw unreadable(base, describeStatus(stage?.status ?? { code: null, signal: null }), stage ?? null);
  parser.finish();
}

function unreadable(base: string, why: string, stage: StageResult | null, cause?: unknown): BwError {
  return new BwError('DAR_CATALOGUE_UNREADABLE', {
    message: `dar could not list the whole catalogue of an archive: ${why}`,
    retry: 'retry',
    hint: 'Test the archive (dar -t). If it is good, keep the output of dar -l -Txml -ay and report it.',
    subject: basename(base),
    ...(stage === null ? {} : { detail: tailText(stage.stderr) }),
    ...(cause === undefined ? {} : { cause }),
  });
}
