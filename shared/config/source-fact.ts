import { toBwError } from '../errors/bw-error.js';
import { run } from '../process/index.js';

/** What a child process finds at a directory that is backed up. */
export interface SourceFact {
  /** Without symlinks; also of a path that does not exist, as far as it does. */
  readonly real: string;
  readonly kind: 'missing' | 'directory' | 'file' | 'other' | 'unreachable';
  readonly mode: number;
  readonly failure: string | null;
  readonly filesystemBytes: number | null;
}

/** Names end with NUL. find opens the directory, and looks at nothing in it. */
const LOOK = `
realpath -zm -- "$1"
stat -L --printf '%F\\0%a\\0' -- "$1" || exit 3
stat -f --printf '%S %b\\0' -- "$1"
exec find -H "$1" -mindepth 1 -maxdepth 1 -quit`;

/** What the kernel calls the reasons that programs tell in words. */
const CODES: Readonly<Record<string, string>> = { 'No such file or directory': 'ENOENT', 'Not a directory': 'ENOTDIR', 'Permission denied': 'EACCES', 'Too many levels of symbolic links': 'ELOOP', 'Input/output error': 'EIO', 'Stale file handle': 'ESTALE' };

/** Looks at a directory that is to be read by a program of its own: where its filesystem hangs, no thread of this process hangs with it. Never throws. */
export async function lookAtSource(path: string, timeoutMs: number): Promise<SourceFact> {
  try {
    const { stdout, stderr } = await run({ program: 'sh', args: ['-c', LOOK, 'sh', path] }, { timeoutMs, okCodes: [0, 1, 3] });
    const [real = path, type, mode = '0', size = ''] = stdout.toString('utf8').split('\0');
    const failure = stderr === '' ? null : codeOf(stderr);
    if (type === undefined || type === '') return { real, kind: failure === 'ENOENT' || failure === 'ENOTDIR' ? 'missing' : 'unreachable', mode: 0, failure, filesystemBytes: null };
    const [blockBytes = 0, blocks = 0] = size.split(' ').map(Number);
    const found = { real, mode: Number.parseInt(mode, 8) & 0o7777, filesystemBytes: size === '' ? null : blockBytes * blocks };
    if (type !== 'directory') return { ...found, kind: type.startsWith('regular') ? 'file' : 'other', failure: 'not a directory' };
    return { ...found, kind: 'directory', failure };
  } catch (thrown) {
    const { code, message } = toBwError(thrown);
    return { real: path, kind: 'unreachable', mode: 0, failure: code === 'PROGRAM_TIMEOUT' ? `no answer in ${timeoutMs / 1000} s` : message, filesystemBytes: null };
  }
}

function codeOf(said: string): string {
  const words = Object.keys(CODES).find((each) => said.includes(each));
  return words === undefined ? said.trim() : (CODES[words] ?? said);
}
