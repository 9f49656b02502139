import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, startPipeline } from '../process/index.js';
import { abortedDar, testArchive, type ArchiveOptions } from './archive-commands.js';
import { BASE_ARGS } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, withHiddenArgs } from './config-file.js';

/**
 * `dar -t` of what lies in the slices from `first` on and no other: those before may be away already (tried with dar 2.7.8: reading the
 * catalogue takes the last slice only). Rejects DAR_ARCHIVE_DAMAGED, DAR_CATALOGUE_UNREADABLE.
 */
export async function testSlicesFrom(base: string, first: number, dar: DarConfig, options: ArchiveOptions): Promise<void> {
  if (first <= 1) return testArchive(base, dar, options);
  const listFile = join(options.secretsDir, `test-${randomBytes(8).toString('hex')}.list`);
  try {
    const listed = await listSlicesFrom(base, first, listFile, dar, options);
    if (listed > 0) await testArchive(base, dar, { ...options, listFile });
  } finally {
    await removeFile(listFile);
  }
}

/** Writes the paths whose data begins in slice `first` or later; returns how many. */
async function listSlicesFrom(base: string, first: number, listFile: string, dar: DarConfig, options: ArchiveOptions): Promise<number> {
  const args = ['-l', base, ...BASE_ARGS, '-Tslicing'];
  return withHiddenArgs(options.secretsDir, await keyArgs(dar.encryption, ['-K']), async (hidden) => {
    const { signal } = options;
    const pipeline = startPipeline([darCommand([...args, ...hidden])], signal === undefined ? {} : { signal });
    const [counts, [stage]] = await Promise.all([copyPaths(pipeline.stdout, first, listFile), pipeline.done]);
    if (signal?.aborted === true) throw abortedDar();
    if (stage?.status.code !== 0 || counts.strange > 0) throw unreadable(base, describeStatus(stage?.status ?? { code: null, signal: null }));
    return counts.paths;
  });
}

async function copyPaths(listing: AsyncIterable<Buffer>, first: number, listFile: string): Promise<{ paths: number; strange: number }> {
  const list = await open(listFile, 'wx', 0o600);
  const counts = { paths: 0, strange: 0 };
  let rest = '';
  try {
    for await (const chunk of listing) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      const entries = lines.map(parseSlicingLine).filter((entry) => entry !== null);
      const paths = entries.filter((entry) => entry.type !== 'd' && entry.first >= first && !entry.path.endsWith('\r')).map(({ path }) => `${path}\n`);
      counts.strange += lines.filter((line) => /^\S*\t \[/.test(line)).length - entries.length;
      counts.paths += paths.length;
      if (paths.length > 0) await list.write(Buffer.from(paths.join(''), 'latin1'));
    }
  } finally {
    await list.close();
  }
  return counts;
}

export interface SlicingEntry {
  /** Slice in which its data begins. */
  readonly first: number;
  readonly type: string;
  /** latin1. */
  readonly path: string;
}

/**
 * A line of `dar -l -Tslicing`, `11-12<tab> [Saved][ ]       [---][     ][ ] -rw-r--r-- PATH` (`*` before the mode: hard-linked), null for any other. A newline in a name
 * can forge one: this only chooses what is looked at, what was saved is proven by the catalogue as XML.
 */
export function parseSlicingLine(line: string): SlicingEntry | null {
  const [, first = '', type = '', path = ''] = /^(\d*)\S*\t \[[\w ]+\]\[.\].{7}(?:\[[^\]]*\]){3}[ *](.)[-\w]{9} (.+)$/.exec(line) ?? [];
  return path === '' ? null : { first: Number(first), type, path };
}

function unreadable(base: string, how: string): BwError {
  return new BwError('DAR_CATALOGUE_UNREADABLE', {
    message: `dar could not tell which slices hold what of an archive: ${how}`,
    retry: 'retry',
    hint: 'Test the archive (dar -t). If it is good, keep the output of dar -l -Tslicing and report it.',
    subject: basename(base),
  });
}
