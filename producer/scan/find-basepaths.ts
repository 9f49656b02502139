import { BwError } from '../../shared/errors/bw-error.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { inspectRoot, type RootFacts } from '../../shared/index/inspect-root.js';
import { checkSentinel } from '../../shared/index/probe-source.js';
import { topdirRoot } from '../../shared/paths/basepath-root.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { inDirectory, run } from '../../shared/process/index.js';

export interface FoundBasepath {
  /** Below the topdir, bytes. */
  readonly relative: BytePath;
  readonly inode: string;
  readonly ownerUid: string;
  /** See shared/basepaths: what the inode number is a number of. */
  readonly filesystem: string;
}

/** A metadata server that does not list one directory in this time has a problem of its own. */
const SCAN_TIMEOUT_MS = 600_000;
/** Names and four numbers of a directory: far above 100,000 basepaths. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
const FORMAT = '%P\\0%i\\0%U\\0%D\\0';

/**
 * Directories `depth` levels below a topdir, without lost+found, symlinks and excluded names. Runs in a
 * child with a timer: a hung mount must not hang us. A snapshot that the before hook makes is not there yet (what is due
 * decides whether it is made at all), so then the live directory is listed.
 * Throws SOURCE_NOT_MOUNTED, SOURCE_EMPTY, SCAN_FAILED, and what inspectRoot throws.
 */
export async function findBasepaths(topdir: TopdirConfig, signal?: AbortSignal): Promise<FoundBasepath[]> {
  const root = topdirRoot(topdir);
  await checkSentinel(topdir, SCAN_TIMEOUT_MS);
  const depth = String(topdir.depth);
  const args = ['.', '-mindepth', depth, '-maxdepth', depth, '-type', 'd', ...prunes(topdir.exclude), '-printf', FORMAT];
  const options = { timeoutMs: SCAN_TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES, ...(signal === undefined ? {} : { signal }) };
  const found = await run(inDirectory(root, { program: 'find', args }), options).catch((thrown: unknown) => {
    throw scanFailed(root, thrown);
  });
  const basepaths = parse(found.stdout, await inspectRoot(bytePath.fromText(root)));
  if (basepaths.length === 0) throw empty(root);
  return basepaths;
}

/** Patterns without `/` exclude basepaths by name; those with `/` speak of paths below a basepath. */
function prunes(exclude: readonly string[]): string[] {
  const names = ['lost+found', ...exclude.filter((pattern) => !pattern.includes('/'))];
  return names.flatMap((name) => ['!', '-name', name]);
}

/** A basepath on another device than its topdir is a mount of its own: if it is not there one day, what is seen below it is another directory. */
function parse(stdout: Buffer, topdir: RootFacts): FoundBasepath[] {
  const fields = stdout.toString('latin1').split('\0');
  const found: FoundBasepath[] = [];
  const filesystem = `${topdir.fsType}:${topdir.fsId}`;
  for (let i = 0; i + 3 < fields.length; i += 4) {
    const [relative = '', inode = '', ownerUid = '', device = ''] = fields.slice(i, i + 4);
    found.push({ relative: bytePath.of(relative), inode, ownerUid, filesystem: device === topdir.device ? filesystem : `${filesystem}+mount` });
  }
  return found.sort((a, b) => (a.relative < b.relative ? -1 : 1));
}

function empty(root: string): BwError {
  return new BwError('SOURCE_EMPTY', {
    message: 'no basepath found below the topdir',
    subject: root,
    retry: 'operator',
    hint: 'Is the filesystem mounted? Check topdirs[].path, depth and exclude. Nothing was backed up or marked deleted.',
  });
}

function scanFailed(root: string, cause: unknown): BwError {
  return new BwError('SCAN_FAILED', {
    message: 'the topdir cannot be listed',
    subject: root,
    detail: cause instanceof BwError ? `${cause.message}\n${cause.detail ?? ''}`.trim() : String(cause),
    retry: 'retry',
    hint: 'Check that the path exists, is mounted and readable by the producer.',
    cause,
  });
}
