import { BwError } from '../errors/bw-error.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import type { Entry } from './difference.js';

/** What find prints per path, behind `PATH//`. The target comes last: it may hold anything but NUL. */
export const ENTRY_FORMAT = '%p//%y %s %b %T@ %m %U %G %n %l\\0';

export type StatEntry = Omit<Entry, 'sha256' | 'rdev' | 'firstName' | 'xattrs'>;

const ENTRY_FIELDS = /^(\S) (\d+) (\d+) (-?[\d.]+) (\d+) (\d+) (\d+) (\d+) ([^]*)$/;

/** One record of ENTRY_FORMAT. `prefix` is `ROOT/`. Throws COMPARE_OUTPUT. */
export function parseEntry(record: string, prefix: string): StatEntry {
  const end = record.indexOf('//', prefix.length - 1);
  const fields = end === -1 ? null : ENTRY_FIELDS.exec(record.slice(end + 2));
  if (fields === null) throw unreadable('find', record);
  const [, type = '', size = '', blocks = '', mtime = '', mode = '', uid = '', gid = '', nlink = '', target = ''] = fields;
  const key = keyOf(record.slice(0, end), prefix);
  return { key, path: pathOf(key), type, size, blocks, mtime, mode, uid, gid, nlink, target: bytePath.of(target) };
}

/** The key of an absolute path of the tree; see cursor.ts. */
export function keyOf(path: string, prefix: string): string {
  return `${path}//`.slice(prefix.length);
}

export function pathOf(key: string): BytePath {
  return bytePath.of(key === '/' ? '.' : key.slice(0, -2));
}

/** A record of `sha256sum -z`: never escaped, unlike its lines. Throws COMPARE_OUTPUT. */
export function parseHash(record: string, prefix: string): { key: string; value: string } {
  const match = /^([0-9a-f]{64}) [ *]([^]*)$/.exec(record);
  if (match === null) throw unreadable('sha256sum', record);
  return { key: keyOf(match[2] ?? '', prefix), value: match[1] ?? '' };
}

/** A record of `stat --printf '%t:%T %n\0'`. Throws COMPARE_OUTPUT. */
export function parseDevice(record: string, prefix: string): { key: string; value: string } {
  const match = /^([0-9a-f]+:[0-9a-f]+) ([^]*)$/.exec(record);
  if (match === null) throw unreadable('stat', record);
  return { key: keyOf(match[2] ?? '', prefix), value: match[1] ?? '' };
}

/** A record `DEV:INO PATH//` of the hard-link stream. Throws COMPARE_OUTPUT. */
export function parseLink(record: string, prefix: string): { inode: string; key: string } {
  const match = /^(\d+:\d+) ([^]*)\/\/$/.exec(record);
  if (match === null) throw unreadable('find', record);
  return { inode: match[1] ?? '', key: keyOf(match[2] ?? '', prefix) };
}

const FILE_LINE = '# file: ';

/**
 * Blocks of getfattr (`# file: PATH`, `NAME=0xHEX` lines, a blank line). It writes backslash, newline and CR of
 * paths and names as octal, and `=` in names too, so that lines cannot be forged. Throws COMPARE_OUTPUT.
 */
export async function* parseXattrs(
  lines: AsyncIterable<string>,
  prefix: string,
): AsyncGenerator<{ key: string; value: Map<string, string> }, void> {
  let open: { key: string; value: Map<string, string> } | null = null;
  for await (const line of lines) {
    if (open === null && line.startsWith(FILE_LINE)) {
      open = { key: keyOf(unescapeOctal(line.slice(FILE_LINE.length)), prefix), value: new Map() };
    } else if (open !== null && line === '') {
      yield open;
      open = null;
    } else {
      addXattr(open?.value, line);
    }
  }
  if (open !== null) throw unreadable('getfattr', 'its last block has no end');
}

function addXattr(xattrs: Map<string, string> | undefined, line: string): void {
  const match = /^([^=]+)(?:=(.*))?$/.exec(line);
  if (match === null || xattrs === undefined) throw unreadable('getfattr', line);
  xattrs.set(unescapeOctal(match[1] ?? ''), match[2] ?? '0x');
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function unreadable(program: string, record: string): BwError {
  return new BwError('COMPARE_OUTPUT', {
    message: `${program} printed something that is not understood`,
    retry: 'permanent',
    hint: `This version of ${program} is not known to bw-bkup: report it with its version and the text below.`,
    detail: JSON.stringify(record.slice(0, 500)),
  });
}
