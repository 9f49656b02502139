import { BwError } from '../errors/bw-error.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';
import type { FileType, IndexRecord } from './record.js';

/**
 * Last line of every complete index file: `//END <records>`. No record begins with `/`, and `/` sorts
 * behind the `.` they all begin with: so `sort -z -m` of complete files ends with all their end lines,
 * and is a complete file again whose counts add up.
 */
const END_PREFIX = '//END ';
/** What an end record, and no other line, begins with. */
export const END_BYTE = 0x2f;

/** Longest line, in bytes: find is told not to go deeper than 2048 levels, of 256 bytes at most. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** All behind `DIRNAME//NAME/`. One regular expression checks every field and is as fast as cutting by hand (0.55 s for 1,000,000). */
const FIELDS =
  /([dflpsbcDU]) (\d+) (-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?) (\d+:\d+) (\d+) ([0-7]+) (\d+) (\d+) (\d+) (-|[a-z]+) (-|\d+\.\d+(?:@[0-9A-HJKMNP-TV-Z]{26})?)$/y;

/** The line of a record, as a latin1 string without the NUL. */
export function formatRecord(record: IndexRecord): string {
  const { mode, uid, gid, blocks, flags, archive } = record;
  const state = `${flags === '' ? '-' : flags} ${archive === '' ? '-' : archive}`;
  return (
    `${recordKey(record)}${record.type} ${record.size} ${record.mtime} ${record.ctime} ` +
    `${record.inode} ${record.nlink} ${mode} ${uid} ${gid} ${blocks} ${state}`
  );
}

/**
 * `DIRNAME//NAME/`, what records are ordered by. No key is the beginning of another, so lines sort as their keys do.
 */
export function recordKey(record: Pick<IndexRecord, 'dirname' | 'name'>): string {
  return `${record.dirname}//${record.name}/`;
}

/** The path of a basepath-relative key or line, without leading `./`. */
export function pathOfLine(line: string): BytePath {
  const cut = line.indexOf('//');
  const name = line.slice(cut + 2, line.indexOf('/', cut + 2));
  if (cut === 1) return bytePath.of(name);
  return bytePath.of(name === '.' ? line.slice(2, cut) : `${line.slice(2, cut)}/${name}`);
}

/** Key of a path relative to the basepath (`a/b`, no leading `./`; `.` is the basepath). */
export function keyOfPath(path: BytePath, type: FileType): string {
  if (type === 'd') return path === '.' ? './/./' : `./${path}//./`;
  const cut = path.lastIndexOf('/');
  return cut === -1 ? `.//${path}/` : `./${path.slice(0, cut)}//${path.slice(cut + 1)}/`;
}

/** A path relative to the basepath as a record names it. */
export function splitPath(path: BytePath, type: FileType): Pick<IndexRecord, 'dirname' | 'name'> {
  if (type === 'd') return { dirname: bytePath.of(path === '.' ? '.' : `./${path}`), name: bytePath.of('.') };
  const cut = path.lastIndexOf('/');
  if (cut === -1) return { dirname: bytePath.of('.'), name: path };
  return { dirname: bytePath.of(`./${path.slice(0, cut)}`), name: bytePath.of(path.slice(cut + 1)) };
}

/** Whether a line is the record of a directory, by its key. */
export function isDirectoryLine(line: string): boolean {
  return line.startsWith('./d ', line.indexOf('//') + 2);
}

/** Where the fields of a line begin, behind its key. */
export function keyLength(line: string): number {
  return line.indexOf('/', line.indexOf('//') + 2) + 1;
}

/** Throws INDEX_DAMAGED unless the line is exactly a record. */
export function parseRecord(line: string): IndexRecord {
  const cut = line.indexOf('//');
  const end = line.indexOf('/', cut + 2);
  const dirname = line.slice(0, cut);
  FIELDS.lastIndex = end + 1;
  const fields = FIELDS.exec(line);
  if (fields === null || cut < 1 || end < cut + 3 || !(dirname === '.' || dirname.startsWith('./'))) throw damaged('a line is not a record', line);
  return recordOf(bytePath.of(dirname), bytePath.of(line.slice(cut + 2, end)), fields as unknown as Fields);
}

/** The 12 groups of FIELDS, which always matches all of them. */
type Fields = Readonly<Record<1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12, string>>;

/** By number: taking an array apart by its iterator costs as much as the regular expression. */
function recordOf(dirname: BytePath, name: BytePath, fields: Fields): IndexRecord {
  return {
    dirname,
    name,
    type: fields[1] as FileType,
    size: fields[2],
    mtime: fields[3],
    ctime: fields[4],
    inode: fields[5],
    nlink: Number(fields[6]),
    mode: fields[7],
    uid: fields[8],
    gid: fields[9],
    blocks: fields[10],
    flags: fields[11] === '-' ? '' : fields[11],
    archive: fields[12] === '-' ? '' : fields[12],
  };
}

/** A line as found by a scan (its last fields `- -`), with a flag. */
export function withFlag(line: string, flag: string): string {
  return `${line.slice(0, -3)}${flag} -`;
}

export function endLine(records: number): string {
  return `${END_PREFIX}${records}`;
}

/**
 * Cuts a stream into NUL-terminated latin1 lines, in batches of a chunk.
 * Throws INDEX_DAMAGED for an unterminated or endless line.
 */
export async function* splitLines(source: AsyncIterable<Buffer>): AsyncGenerator<string[], void> {
  let rest = '';
  for await (const chunk of source) {
    const text = rest + chunk.toString('latin1');
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\0'); end !== -1; end = text.indexOf('\0', start)) {
      lines.push(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
    if (rest.length > MAX_LINE_BYTES) throw damaged('a line has no end', rest);
    if (lines.length > 0) yield lines;
  }
  if (rest !== '') throw damaged('the last line is cut off', rest);
}

/**
 * Record lines of a complete index: its end record is taken off and must agree with the lines before it.
 * Throws INDEX_DAMAGED.
 */
export async function* completeLines(batches: AsyncIterable<string[]>): AsyncGenerator<string[], void> {
  let records = 0;
  const ends: string[] = [];
  for await (const lines of batches) {
    const end = ends.length === 0 ? lines.findIndex((line) => line.charCodeAt(0) === END_BYTE) : 0;
    const found = end === -1 ? lines : lines.slice(0, end);
    if (end !== -1) ends.push(...lines.slice(end));
    records += found.length;
    if (found.length > 0) yield found;
  }
  checkEnds(ends, records);
}

/** Throws INDEX_DAMAGED unless these are end records that promise as many records as were read. */
export function checkEnds(ends: readonly string[], records: number): void {
  if (ends.length === 0) throw damaged('it has no end record: its writing was interrupted', '');
  const promised = ends.reduce((sum, line) => sum + parseEnd(line), 0);
  if (promised !== records) throw damaged(`its end record says ${promised} records, ${records} are there`, '');
}

/** Parses batches of lines. Throws INDEX_DAMAGED. */
export async function* parseRecords(batches: AsyncIterable<string[]>): AsyncGenerator<IndexRecord[], void> {
  for await (const lines of batches) yield lines.map(parseRecord);
}

/** The records of a complete index file or stream, in batches; memory is bounded. Throws INDEX_DAMAGED. */
export function readRecords(source: AsyncIterable<Buffer>): AsyncGenerator<IndexRecord[], void> {
  return parseRecords(completeLines(splitLines(source)));
}

function parseEnd(line: string): number {
  const digits = line.startsWith(END_PREFIX) ? line.slice(END_PREFIX.length) : '';
  if (!/^\d{1,15}$/.test(digits)) throw damaged('its end record is followed by something else', line);
  return Number(digits);
}

function damaged(what: string, line: string): BwError {
  return new BwError('INDEX_DAMAGED', {
    message: `an index cannot be read: ${what}`,
    retry: 'permanent',
    hint: 'Take the copy kept in long-term storage, or make the next backup a full one.',
    ...(line === '' ? {} : { detail: JSON.stringify(line.slice(0, 200)) }),
  });
}
