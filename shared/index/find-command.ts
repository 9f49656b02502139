import { bytePath, type BytePath } from '../paths/byte-path.js';
import type { Command } from '../process/index.js';

/** An index line as find prints it; flags and archive are not known yet. */
const FIELDS = '%y %s %T@ %C@ %D:%i %n %m %U %G %b - -\\0';
export const FILE_FORMAT = `%h//%f/${FIELDS}`;
const DIRECTORY_FORMAT = `%p//./${FIELDS}`;
const PRINT = ['-type', 'd', '-printf', DIRECTORY_FORMAT, '-o', '-printf', FILE_FORMAT];

/**
 * A path of more components cannot be opened by any program (PATH_MAX is 4096, a component takes two bytes
 * at least). What lies deeper is named by its ancestor at this level, and the longest line is bounded.
 */
export const MAX_DEPTH = 2048;

/**
 * Enters the tree in the child, never in this process: a chdir into a hung mount would block the start of
 * the child, and with it our event loop.
 */
const IN_TREE = 'cd -- "$1" || exit 126; shift; exec "$@"';
/** With its messages going to a file, because a busy tree can make any number of them. */
const IN_TREE_LOGGED = 'cd -- "$1" || exit 126; exec 2>"$2"; shift 2; exec "$@"';

/**
 * Lists the whole tree on one filesystem: a mount point inside is recorded as the directory it is, what is
 * mounted there is not entered. `messages`: absolute path of the file for its messages. `exclude`: glob patterns, without `/` against any name, with `/` against the path.
 */
export function findTree(root: BytePath, messages: string, exclude: readonly string[]): Command {
  return { program: 'sh', args: ['-c', IN_TREE_LOGGED, 'sh', bytePath.toBuffer(root), messages, 'find', '.', ...expression(exclude, MAX_DEPTH)] };
}

/** find wants its directories first, xargs gives them last. */
const FIND_THESE = 'while [ "$1" != // ]; do set -- "$@" "$1"; shift; done; shift; exec find "$@"';

/**
 * Lists directories of a tree as `findTree` does it all, so many levels down. `starts`: absolute path of a file of their names (`./a/b`), NUL-terminated:
 * as arguments of ours, names that are not UTF-8 would cost a program each. Ends with 123 where find ended with 1 (it knows 0 and 1 only), with 125 where a signal ended it.
 */
export function findBelow(root: BytePath, messages: string, exclude: readonly string[], starts: string, levels: number): Command {
  const find = ['xargs', '-r0', '-a', starts, 'sh', '-c', FIND_THESE, 'sh', ...expression(exclude, levels), '//'];
  return { program: 'sh', args: ['-c', IN_TREE_LOGGED, 'sh', bytePath.toBuffer(root), messages, ...find] };
}

function expression(exclude: readonly string[], maxDepth: number): string[] {
  return ['-maxdepth', String(maxDepth), '-xdev', '-noleaf', ...prune(exclude), ...PRINT];
}

/** The root itself is never excluded: `.*` would match its name `.` and with it everything. */
function prune(exclude: readonly string[]): string[] {
  if (exclude.length === 0) return [];
  const tests = exclude.flatMap((pattern, i) => [...(i === 0 ? [] : ['-o']), ...test(pattern)]);
  return ['!', '-path', '.', '(', ...tests, ')', '-prune', '-o'];
}

function test(pattern: string): string[] {
  if (!pattern.includes('/')) return ['-name', pattern];
  return ['-path', `./${pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')}`];
}

const FIND_SOME = 'directory=$1; file=$2; shift 2; exec find "$@" -maxdepth 0 -type d -printf "$directory" -o -printf "$file"';

/** Examines the paths (`./a/b`, NUL-terminated) on its standard input, in their order, without entering directories. */
export function findPaths(root: BytePath): Command {
  const find = ['xargs', '-r0', 'sh', '-c', FIND_SOME, 'sh', DIRECTORY_FORMAT, FILE_FORMAT];
  return { program: 'sh', args: ['-c', IN_TREE, 'sh', bytePath.toBuffer(root), ...find] };
}
