import type { DarConfig } from '../config/config.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import type { Arg } from '../process/index.js';
import type { HiddenArg } from './config-file.js';

/** -Q: no questions (they are answered "no", rc 4). -N: no ~/.darrc or /etc/darrc may change what is saved. */
export const BASE_ARGS = ['-Q', '-N'] as const;

/** What dar writes: private files, and beside each slice its SHA-512 computed while writing. */
export const SLICE_ARGS = ['--slice-mode', '0600', '--hash', 'sha512'] as const;

export interface CreateArguments {
  readonly base: string;
  readonly root: BytePath;
  readonly listFile: string;
  readonly catalogueBase: string | null;
  readonly dar: DarConfig;
}

/**
 * Arguments of `dar -c` but for what a configuration file hides. -az: times before 1970 become 1970
 * instead of a question. --fsa-scope=none: no open, ioctl and statx per sibling of a listed file.
 */
export function createArgs({ base, root, listFile, catalogueBase, dar }: CreateArguments): Arg[] {
  return [
    '-c', base,
    '-R', bytePath.toBuffer(root),
    '-[', listFile,
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

/** `-zzstd:1`: the argument must be attached. */
export function compressionArgs(dar: DarConfig): string[] {
  if (dar.compression === 'none') return [];
  return [`-z${dar.compression}`, ...dar.storeOnly.flatMap((mask) => ['-Z', mask])];
}

/** -g takes literal paths with any byte; through a configuration file there is no limit of their number. */
export function includeArgs(paths: readonly BytePath[]): HiddenArg[] {
  return paths.flatMap((path) => ['-g', bytePath.toBuffer(path)]);
}
