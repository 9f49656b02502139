import { decodeTime, ulid } from 'ulid';
import { BwError } from '../errors/bw-error.js';

const SUFFIX = '.ndjson';
const WITH_ULID = /-([0-7][0-9A-HJKMNP-TV-Z]{25})\.ndjson$/;

/** Name of this process as a writer, `<host>-<pid>`. */
export function writerName(host: string, pid: number = process.pid): string {
  return `${host.replace(/[^A-Za-z0-9._-]/g, '_')}-${pid}`;
}

/** `<writer>-<ulid>.ndjson`: a new one for every opening and rotation, never used twice. Throws JOURNAL_BAD_WRITER (permanent). */
export function newFileName(writer: string, nowMs: number): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,150}$/.test(writer)) return `${writer}-${ulid(nowMs)}${SUFFIX}`;
  throw new BwError('JOURNAL_BAD_WRITER', {
    message: 'A writer of the journal has a name that cannot be a file name',
    subject: JSON.stringify(writer),
    retry: 'permanent',
    hint: 'Set `host` in the host settings to letters, digits, `.`, `_` and `-`.',
  });
}

export function isJournalFile(name: string): boolean {
  return name.endsWith(SUFFIX) && !name.startsWith('.');
}

/** No record of this file is older than this (ms since the epoch); 0 where the name does not tell. */
export function notBeforeMs(name: string): number {
  const id = WITH_ULID.exec(name)?.[1];
  return id === undefined ? 0 : decodeTime(id);
}
