import { bytePath, type BytePath } from '../paths/byte-path.js';

/** What one line of find's messages says about the tree. */
export type FindMessage =
  | { readonly kind: 'gone'; readonly path: BytePath }
  /** The path, or what is below it, is not known. */
  | { readonly kind: 'unreadable'; readonly path: BytePath; readonly reason: string }
  | { readonly kind: 'unknown'; readonly text: string };

/**
 * Errors that concern one path and leave the rest of the listing true. Any other, such as a lost connection
 * to the servers or no memory, makes the whole listing worthless.
 */
const LOCAL_ERRORS = new Set([
  'Permission denied',
  'Operation not permitted',
  'Input/output error',
  'Remote I/O error',
  'Stale file handle',
  'Structure needs cleaning',
  'Not a directory',
  'Too many levels of symbolic links',
  'File name too long',
]);

/** find 4.9 with LC_ALL=C: the name is quoted like a C string, so a message is always one line. */
const PATH_ERROR = /^find: '((?:[^'\\]|\\.)*)': (.+)$/;
const LOOP = /^find: File system loop detected; '((?:[^'\\]|\\.)*)' is part of the same file system loop as '.*'\.$/;

/** Reads one line of find's messages (latin1). */
export function parseFindMessage(line: string): FindMessage {
  const loop = LOOP.exec(line);
  if (loop !== null) return { kind: 'unreadable', path: unquote(loop[1] ?? ''), reason: 'file system loop' };
  const error = PATH_ERROR.exec(line);
  const [, name = '', reason = ''] = error ?? [];
  if (reason === 'No such file or directory') return { kind: 'gone', path: unquote(name) };
  if (LOCAL_ERRORS.has(reason)) return { kind: 'unreadable', path: unquote(name), reason };
  return { kind: 'unknown', text: line };
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Path relative to the root, `.` for the root, from C escapes. */
function unquote(quoted: string): BytePath {
  const raw = quoted.replace(/\\([0-7]{3}|.)/g, (_, escape: string) =>
    escape.length === 3 ? String.fromCharCode(Number.parseInt(escape, 8)) : (ESCAPES[escape] ?? escape),
  );
  return bytePath.of(raw.startsWith('./') ? raw.slice(2) : raw);
}
