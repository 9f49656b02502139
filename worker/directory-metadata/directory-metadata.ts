import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { run, type Arg } from '../../shared/process/index.js';

/** A directory answers in this time or its filesystem hangs. */
export const METADATA_TIMEOUT_MS = 60_000;
/** Exit code: not all could be taken over. */
export const METADATA_DIFFERS = 1;

/**
 * $1 from, $2 to, $3 file of ours; the rest: options of reading. One shell, because every program that we start ourselves costs more than
 * tar does. What tar could not set (its codes 1 and 2) shows in the comparison. Code 1 of reading says that the directory changed meanwhile, as busy ones do (an entry
 * more or less): what was read is of this moment, and its new time brings it into the next backup.
 */
const COPY = `
from=$1 to=$2 stream=$3
shift 3
tar "$@" -cf "$stream" -C "$from" .
[ $? -le 1 ] || exit 10
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
export async function copyDirectoryMetadata({ signal, ...copy }: MetadataCopy): Promise<boolean> {
  const { script, args } = metadataCopyScript(copy);
  const options = { timeoutMs: METADATA_TIMEOUT_MS, okCodes: [0, METADATA_DIFFERS], ...(signal === undefined ? {} : { signal }) };
  return (await run({ program: 'sh', args: ['-c', script, 'sh', ...args] }, options)).status.code !== METADATA_DIFFERS;
}

/** The same as shell text, for a sequence of programs; exit code METADATA_DIFFERS for false. */
export function metadataCopyScript({ from, to, stream, excludeXattrs = [] }: Omit<MetadataCopy, 'signal'>): { script: string; args: Arg[] } {
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
  return { script: COPY, args: [bytePath.toBuffer(from), bytePath.toBuffer(to), stream, ...reading] };
}
