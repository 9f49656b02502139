import { BwError, type Retry } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { run, tailText } from '../process/index.js';

/** What a source is on: compared with its last backup before anything is believed to be deleted. */
export interface RootFacts {
  /** Device number, decimal; changes at a remount. */
  readonly device: string;
  readonly inode: string;
  /** Numeric user id. */
  readonly owner: string;
  /** As `stat -f` names it, such as `lustre`, `ext2/ext3`. */
  readonly fsType: string;
  /** Filesystem id, hexadecimal. */
  readonly fsId: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MOUNT_HINT = 'Is the filesystem mounted on this host?';

/**
 * Looks at a source directory from a child process with a timer: a hung mount would block any fs call of ours.
 * Throws SOURCE_MISSING, SOURCE_NOT_A_DIRECTORY, SOURCE_UNREADABLE, SOURCE_HUNG (after `timeoutMs`, default 30 s).
 */
export async function inspectRoot(root: BytePath, options: { timeoutMs?: number } = {}): Promise<RootFacts> {
  const path = bytePath.toBuffer(root);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const [file = '', filesystem = ''] = (await withinTime(root, timeoutMs, (signal) => statOutput(root, path, signal))).split('\n');
  const [mode = '', device = '', inode = '', owner = ''] = file.split(' ');
  const [fsId = '', ...fsType] = filesystem.split(' ');
  if ((Number.parseInt(mode, 16) & 0xf000) !== 0x4000) throw notADirectory(root);
  return { device, inode, owner, fsType: fsType.join(' '), fsId };
}

/**
 * The result of `work`, or SOURCE_HUNG. A child that hangs in the kernel survives even SIGKILL, so its end is
 * not waited for.
 */
export async function withinTime<T>(root: BytePath, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(hung(root, timeoutMs));
      controller.abort();
    }, timeoutMs);
  });
  const working = work(controller.signal);
  working.catch(() => undefined); // after SOURCE_HUNG nobody waits for it any more
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The directory itself, and the filesystem it is on. */
const STAT = `stat --printf '%f %d %i %u\\n' -- "$1" && exec stat -f --printf '%i %T' -- "$1"`;

async function statOutput(root: BytePath, path: Buffer, signal: AbortSignal): Promise<string> {
  const result = await run({ program: 'sh', args: ['-c', STAT, 'sh', path] }, { signal, okCodes: [0, 1] });
  if (result.status.code === 0) return result.stdout.toString('latin1');
  if (/No such file or directory|Not a directory/.test(result.stderr)) throw missing(root);
  throw unreadable(root, tailText(result.stderr));
}

export function missing(root: BytePath): BwError {
  return sourceError('SOURCE_MISSING', 'operator', root, 'the source directory does not exist', `${MOUNT_HINT} Was it renamed or removed?`);
}

export function empty(root: BytePath): BwError {
  return sourceError('SOURCE_EMPTY', 'operator', root, 'the source directory is empty', `${MOUNT_HINT} An empty backup would hide the loss of everything; where new basepaths may be empty, set limits.allowEmpty.`);
}

export function unreadable(root: BytePath, detail: string): BwError {
  return sourceError('SOURCE_UNREADABLE', 'retry', root, 'the source directory cannot be read', `${MOUNT_HINT} May the worker's user list it?`, detail);
}

function notADirectory(root: BytePath): BwError {
  return sourceError('SOURCE_NOT_A_DIRECTORY', 'operator', root, 'the source is not a directory', 'Correct the path: a basepath is a directory, not a link to one.');
}

function hung(root: BytePath, timeoutMs: number): BwError {
  return sourceError('SOURCE_HUNG', 'retry', root, `the filesystem did not answer within ${timeoutMs} ms`, `${MOUNT_HINT} Are its servers up? Look at dmesg.`);
}

/** What is not there as it should be, on a filesystem that is well, does not mend itself within minutes: `operator`. */
function sourceError(code: string, retry: Retry, root: BytePath, message: string, hint: string, detail?: string): BwError {
  return new BwError(code, { message, retry, hint, subject: showPath(root), ...(detail === undefined ? {} : { detail }) });
}
