import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { run } from '../../shared/process/index.js';

/** A directory answers in this time or its filesystem hangs. */
const TIMEOUT_MS = 60_000;
const DIFFERENT = 1;

/**
 * $1 from, $2 to, $3 file of ours; the rest: options of reading. One shell, because every program that we start ourselves costs more than
 * tar does. What tar could not set (its codes 1 and 2) shows in the comparison.
 */
const COPY = `
from=$1 to=$2 stream=$3
shift 3
tar "$@" -cf "$stream" -C "$from" . || exit 10
tar --numeric-owner --acls --xattrs '--xattrs-include=*' -xpf "$stream" -C "$to"
tar "$@" -cf - -C "$to" . | cmp -s - "$stream"
`;

export interface MetadataCopy {
  readonly from: BytePath;
  readonly to: BytePath;
  /** A file of ours, written. */
  readonly stream: string;
  /** Masks of attributes that are not carried. */
  readonly excludeXattrs?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Gives a directory owner, mode, ACLs, xattrs and modification time of another, nothing below it: GNU tar carries all of these, and two
 * directories are alike if and only if their streams are. False when the result is not the same: not root, or a filesystem without ACLs or
 * xattrs (tar says so only as a warning, exit 0). Rejects what run() rejects.
 */
export async function copyDirectoryMetadata({ from, to, stream, excludeXattrs = [], signal }: MetadataCopy): Promise<boolean> {
  const reading = [
    '--format=posix',
    '--pax-option=delete=atime,delete=ctime',
    '--numeric-owner',
    '--no-recursion',
    '--acls',
    '--xattrs',
    '--xattrs-include=*',
    ...excludeXattrs.map((mask) => `--xattrs-exclude=${mask}`),
  ];
  const args = ['-c', COPY, 'sh', bytePath.toBuffer(from), bytePath.toBuffer(to), stream, ...reading];
  const options = { timeoutMs: TIMEOUT_MS, okCodes: [0, DIFFERENT], ...(signal === undefined ? {} : { signal }) };
  return (await run({ program: 'sh', args }, options)).status.code !== DIFFERENT;
}
