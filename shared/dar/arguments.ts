import type { DarConfig } from '../config/config.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import type { Arg } from '../process/index.js';
import type { HiddenArg } from './config-file.js';

/** -Q: no questions (they are answered "no", rc 4). -N: no ~/.darrc or /etc/darrc may change what is saved. */
export const BASE_ARGS = ['-Q', '-N'] as const;

/** What dar writes: private files, and beside each slice its SHA-512 computed while writing. */
export const SLICE_ARGS = ['--slice-mode', '0600', '--hash', 'sha512'] as const;

/** `dar -+`: what an archive holds of the list, as it is, compressed or not; -ak: nothing is compressed again. */
export function mergeArgs({ base, from, listFile, dar }: Omit<CreateArguments, 'root' | 'reference' | 'catalogueBase'> & { readonly from: string }): Arg[] {
  return [
    '-+', base,
    '-A', from,
    ...(listFile === null ? [] : ['-[', listFile]),
    ...BASE_ARGS,
    ...SLICE_ARGS,
    '-ak',
    '-s', String(dar.sliceBytes),
  ];
}

export interface CreateArguments {
  readonly base: string;
  readonly root: BytePath;
  readonly listFile: string | null;
  readonly reference?: string;
  readonly catalogueBase: string | null;
  readonly dar: DarConfig;
}

/**
 * Arguments of `dar -c` but for what a configuration file hides. -az: times before 1970 become 1970
 * instead of a question. --fsa-scope=none: no open, ioctl and statx per sibling of a listed file.
 */
export function createArgs({ base, root, listFile, reference, catalogueBase, dar }: CreateArguments): Arg[] {
  return [
    '-c', base,
    '-R', bytePath.toBuffer(root),
    ...(listFile === null ? [] : ['-[', listFile]),
    ...(reference === undefined ? [] : ['-A', reference]),
    ...BASE_ARGS,
    ...SLICE_ARGS,
    '-az',
    '--fsa-scope=none',
    '-s', String(dar.sliceBytes),
    ...compressionArgs(dar),
    ...dar.excludeXattrs.flatMap((mask) => ['-u', mask]),
    // max-byte 0 means unlimited: its default of 1 would disable the retries.
    '--retry-on-change', `${dar.retryOnChange}:0`,
    ...(catalogueBase === null ? [] : ['-@', catalogueBase]),
  ];
}

/**
 * `-zzstd:1`: the argument must be attached. Without compression dar reads its catalogue back field by field, 2.7 million times
 * read and lseek for 200,000 files; behind a compressor that leaves contents alone (-Z '*') it takes whole blocks. Measured with 2.7.8 on
 * tmpfs: `-l` 1.3 s against 2.3 s, `-C` 0.8 s against 1.7 s, one file restored 0.5 s against 2.0 s, `-c` the same; 20 of 20 archives
 * closed by SIGTERM passed -t, 10 of 10 repaired after SIGKILL.
 */
export function compressionArgs(dar: DarConfig): string[] {
  const { compression, catalogueCompression, storeOnly } = dar;
  if (compression !== 'none') return [`-z${compression}`, ...storeOnly.flatMap((mask) => ['-Z', mask])];
  return catalogueCompression === 'none' ? [] : [`-z${catalogueCompression}`, '-Z', '*'];
}

/** Of an isolated catalogue, which holds nothing else. */
export function catalogueCompressionArgs({ compression, catalogueCompression }: DarConfig): string[] {
  const algorithm = catalogueCompression === 'none' ? compression : catalogueCompression;
  return algorithm === 'none' ? [] : [`-z${algorithm}`];
}

/** -g takes literal paths with any byte; through a configuration file there is no limit of their number. */
export function includeArgs(paths: readonly BytePath[]): HiddenArg[] {
  return paths.flatMap((path) => ['-g', bytePath.toBuffer(path)]);
}

/** Leaves out these paths and all below them. */
export function pruneArgs(paths: readonly BytePath[]): HiddenArg[] {
  return paths.flatMap((path) => ['-P', bytePath.toBuffer(path)]);
}
