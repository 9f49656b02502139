import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { run } from '../../shared/process/index.js';

/** A directory answers in this time or its filesystem hangs. */
const TIMEOUT_MS = 60_000;
/** xattrs of one directory: at most 64 KiB of values on most filesystems, headers besides. */
const MAX_BYTES = 1 << 20;

/**
 * Owner, mode, ACLs, xattrs and modification time of one directory, nothing below it, as a tar stream: GNU tar carries
 * all of these, and two directories are alike if and only if their streams are. `excludeXattrs`: masks not to carry.
 */
export async function readDirectoryMetadata(dir: BytePath, excludeXattrs: readonly string[] = []): Promise<Buffer> {
  const args = [
    '--format=posix',
    '--pax-option=delete=atime,delete=ctime',
    '--numeric-owner',
    '--no-recursion',
    '--acls',
    '--xattrs',
    '--xattrs-include=*',
    ...excludeXattrs.map((mask) => `--xattrs-exclude=${mask}`),
    '-cf',
    '-',
    '-C',
    bytePath.toBuffer(dir),
    '.',
  ];
  return (await run({ program: 'tar', args }, { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_BYTES })).stdout;
}

/**
 * Gives a directory what readDirectoryMetadata read. False when the result is not the same: not root, or a
 * filesystem without ACLs or xattrs (tar says so only as a warning, exit 0).
 */
export async function applyDirectoryMetadata(metadata: Buffer, dir: BytePath, excludeXattrs: readonly string[] = []): Promise<boolean> {
  const args = ['--numeric-owner', '--acls', '--xattrs', '--xattrs-include=*', '-xpf', '-', '-C', bytePath.toBuffer(dir)];
  // 1 and 2: something could not be set; the comparison below says what came of it.
  await run({ program: 'tar', args }, { timeoutMs: TIMEOUT_MS, input: metadata, okCodes: [0, 1, 2] });
  return metadata.equals(await readDirectoryMetadata(dir, excludeXattrs));
}
