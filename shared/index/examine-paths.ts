import { BwError } from '../errors/bw-error.js';
import { ancestorsOf } from '../paths/ancestors.js';
import { showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, run, tailText } from '../process/index.js';
import { findPaths } from './find-command.js';
import { parseFindMessage } from './find-messages.js';
import { parseRecord } from './format.js';
import { withinTime } from './inspect-root.js';
import { recordPath, type IndexRecord } from './record.js';

/** What is at a path now. */
export type PathState =
  | { readonly kind: 'there'; readonly record: IndexRecord }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface ExamineOptions {
  readonly root: BytePath;
  readonly signal?: AbortSignal;
  /** For a batch of 1000 paths. Default 120 s: a loaded metadata server answers in milliseconds, or is down. */
  readonly examineTimeoutMs?: number;
}

const BATCH_PATHS = 1000;
const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * Looks at paths (relative to the root) as they are now, from a child process with a timer. A path below anything but real
 * directories is gone, even if a symbolic link makes the name work: the tree does not contain it.
 * Throws SOURCE_HUNG, EXAMINE_FAILED.
 */
export async function examinePaths(options: ExamineOptions, paths: readonly BytePath[]): Promise<PathState[]> {
  const states: PathState[] = [];
  for (let at = 0; at < paths.length; at += BATCH_PATHS) {
    states.push(...(await examineBatch(options, paths.slice(at, at + BATCH_PATHS))));
  }
  return states;
}

async function examineBatch(options: ExamineOptions, paths: readonly BytePath[]): Promise<PathState[]> {
  const ancestors = [...new Set(paths.flatMap(ancestorsOf))];
  const asked = [...new Set([...ancestors, ...paths])];
  const found = await ask(options, asked);
  return paths.map((path) => {
    const inTree = ancestorsOf(path).every((ancestor) => isDirectory(found.get(ancestor)));
    return (inTree ? found.get(path) : undefined) ?? { kind: 'gone' };
  });
}

/** Not only directories: one that could not be examined may well be there. */
function isDirectory(state: PathState | undefined): boolean {
  return state !== undefined && (state.kind === 'unknown' || (state.kind === 'there' && state.record.type === 'd'));
}

/** States by path. */
async function ask(options: ExamineOptions, paths: readonly BytePath[]): Promise<Map<BytePath, PathState>> {
  const input = Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1');
  const timeoutMs = options.examineTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  // xargs ends with 123 when a find ended with 1, as it does after any message.
  const result = await withinTime(options.root, timeoutMs, (late) => {
    const signal = options.signal === undefined ? late : AbortSignal.any([late, options.signal]);
    return run(findPaths(options.root), { input, signal, okCodes: [0, 123] });
  });
  const states = new Map<BytePath, PathState>();
  for (const line of result.stdout.toString('latin1').split('\0')) {
    if (line === '') continue;
    const record = parseRecord(line);
    states.set(recordPath(record), { kind: 'there', record });
  }
  for (const line of result.stderr.split('\n')) {
    if (line === '') continue;
    const message = parseFindMessage(line);
    if (message.kind === 'unknown') throw examineFailed(options.root, line);
    states.set(message.path, message.kind === 'gone' ? { kind: 'gone' } : { kind: 'unknown', reason: message.reason });
  }
  if (states.size === paths.length) return states;
  throw examineFailed(options.root, `${paths.length} paths asked for, ${states.size} answered; ${describeStatus(result.status)}\n${tailText(result.stderr)}`);
}

function examineFailed(root: BytePath, detail: string): BwError {
  return new BwError('EXAMINE_FAILED', {
    message: 'find did not say what is at some paths of the source',
    subject: showPath(root),
    retry: 'retry',
    hint: 'Run find on the source by hand and look at the host (dmesg, mounts, memory).',
    detail,
  });
}
