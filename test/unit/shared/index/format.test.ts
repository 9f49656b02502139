import { expect, it } from 'vitest';
import { checkEnds, endLine, formatRecord, keyOfPath, MAX_LINE_BYTES, parseRecord, pathOfLine, readRecords, recordKey, splitLines, splitPath } from '../../../../shared/index/format.js';
import { recordPath } from '../../../../shared/index/record.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { collect, makeDirectory, makeRecord, makeRoot } from './make-record.js';

const RECORDS = [
  makeRoot(),
  makeDirectory('a'),
  makeRecord('a/ two blanks and 1 f 2', { flags: 'ut', archive: '12.1' }),
  makeRecord('a/new\nline'),
  makeRecord('a/\xff\xfe/-'),
  makeRecord('big', { size: '9223372036854775807', inode: '4294967295:18446744073709551615', nlink: 65000, blocks: '18014398509481984' }),
  makeRecord('old', { mtime: '-315619200.5000000000', ctime: '0.0000000000' }),
  makeRecord('whole seconds', { mtime: '1700000000' }),
];

function stream(lines: readonly string[], chunkBytes: number): AsyncIterable<Buffer> {
  const bytes = Buffer.from(lines.map((line) => `${line}\0`).join(''), 'latin1');
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let i = 0; i < bytes.length; i += chunkBytes) yield await Promise.resolve(bytes.subarray(i, i + chunkBytes));
  }
  return chunks();
}

it('writes and reads records, wherever chunks end', async () => {
  const lines = [...RECORDS.map(formatRecord), endLine(RECORDS.length)];
  for (const chunkBytes of [1, 7, 100, 1e6]) expect(await collect(readRecords(stream(lines, chunkBytes)))).toEqual(RECORDS);
});

it('prints what the contract says', () => {
  expect(formatRecord(makeRecord('a/b c', { inode: '1:2' }))).toBe('./a//b c/f 10 1700000000.1234567890 1700000001.9876543210 1:2 1 644 1000 1000 8 - -');
});

it.each([
  ['garbage', 'not a record'],
  ['an unknown type', './/x/q 10 1.0 1.0 1:2 1 644 0 0 0 - -'],
  ['a missing field', './/x/f 10 1.0 1.0 1:2 1 644 0 0 - -'],
  ['an extra field', './/x/f 10 1.0 1.0 1:2 1 644 0 0 0 - - -'],
  ['an inode that is no number', './/x/f 10 1.0 1.0 1:x 1 644 0 0 0 - -'],
  ['no name', './///f 10 1.0 1.0 1:2 1 644 0 0 0 - -'],
  ['an absolute directory', '/a//x/f 10 1.0 1.0 1:2 1 644 0 0 0 - -'],
])('refuses %s', (_, line) => {
  expect(() => parseRecord(line)).toThrow(expect.objectContaining({ code: 'INDEX_DAMAGED' }));
});

it.each([
  ['has no end record', (lines: string[]) => lines.slice(0, -1)],
  ['lost a record', (lines: string[]) => lines.slice(1)],
  ['goes on behind its end record', (lines: string[]) => [...lines, lines[0] as string]],
  ['has a strange end record', (lines: string[]) => [...lines.slice(0, -1), '//END many']],
])('takes an index for void that %s', async (_, damage) => {
  const lines = damage([...RECORDS.map(formatRecord), endLine(RECORDS.length)]);
  await expect(collect(readRecords(stream(lines, 50)))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
});

it('takes an index for void that ends within a line', async () => {
  const bytes = Buffer.from(`${formatRecord(makeRecord('a'))}\0${endLine(1)}`, 'latin1');
  async function* cut(): AsyncGenerator<Buffer> { yield await Promise.resolve(bytes); }
  await expect(collect(readRecords(cut()))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
});

it('gives up on a line without end before it fills the memory', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      given += 65536;
      yield await Promise.resolve(Buffer.alloc(65536, 'x'));
    }
  }
  await expect(collect(splitLines(endless()))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
  expect(given).toBeLessThan(2 * MAX_LINE_BYTES);
});

it('accepts the end records of merged files, whose counts add up', () => {
  expect(() => { checkEnds([endLine(3), endLine(0), endLine(4)], 7); }).not.toThrow();
  expect(() => { checkEnds([endLine(3), endLine(4)], 8); }).toThrow(expect.objectContaining({ code: 'INDEX_DAMAGED' }));
});

it('orders end records behind all records, and the root before what its directory holds', () => {
  const lines = [...RECORDS.map(formatRecord), endLine(1)];
  expect([...lines].sort().at(-1)).toBe(endLine(1));
});

it('knows keys and paths of lines', () => {
  for (const record of RECORDS) {
    const line = formatRecord(record);
    expect(pathOfLine(line)).toBe(recordPath(record));
    expect(keyOfPath(recordPath(record), record.type)).toBe(recordKey(record));
    expect(line.startsWith(recordKey(record))).toBe(true);
  }
  expect(keyOfPath(bytePath.of('a/b/c'), 'f')).toBe('./a/b//c/');
  expect(keyOfPath(bytePath.of('a/b/c'), 'd')).toBe('./a/b/c//./');
  expect(keyOfPath(bytePath.of('.'), 'd')).toBe('.//./');
  for (const path of ['.', 'a', 'a/b']) expect(recordPath(splitPath(bytePath.of(path), 'd'))).toBe(path);
});
