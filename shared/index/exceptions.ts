import { toPathJson } from '../paths/path-json.js';
import type { BytePath } from '../paths/byte-path.js';

/** A path that is not in the backup as it should be, or at all. */
export interface IndexException {
  /** Relative to the basepath; `.` is the basepath itself. */
  readonly path: BytePath;
  readonly reason: ExceptionReason;
  /** What a program said, or what was found. */
  readonly detail: string;
}

export type ExceptionReason =
  | 'directory could not be listed'
  | 'could not be examined'
  | 'path longer than PATH_MAX'
  | 'not saved'
  | 'changed during the backup'
  | 'changed while read'
  | 'mtime before 1970 is not kept';

/** One NDJSON line (without newline) of an exceptions file; pure ASCII-safe JSON, so it may be written as latin1. */
export function exceptionLine({ path, reason, detail }: IndexException): string {
  return escapeNonAscii(JSON.stringify({ path: toPathJson(path), reason, detail }));
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
