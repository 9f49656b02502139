import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { BwError, toBwError } from '../../../../shared/errors/bw-error.js';
import { EXIT, EXIT_BY_ERROR, EXIT_MEANINGS, exitCodeOf } from '../../../../shared/errors/exit-codes.js';

it('has a distinct number and a meaning for every code', () => {
  expect(Object.keys(EXIT_MEANINGS).sort()).toEqual(Object.keys(EXIT).sort());
  expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length);
});

it.each([
  ['CONFIG_INVALID', 2],
  ['USAGE', 2],
  ['BACKUP_NOT_FOUND', 4],
  ['RESTORE_PATH_UNKNOWN', 4],
  ['DAR_LACKS_ZSTD', 5],
  ['REDIS_UNREACHABLE', 5],
  ['PROGRAM_NOT_FOUND', 5],
  ['SOURCE_EMPTY', 1],
  ['SOME_CODE_OF_LATER', 1],
])('%s ends with %d', (code, exit) => {
  expect(exitCodeOf(new BwError(code, { message: 'm', retry: 'permanent', hint: 'h' }))).toBe(exit);
});

it('calls what nobody foresaw a bug', () => {
  expect(exitCodeOf(toBwError(new TypeError('x')))).toBe(70);
});

it('knows only codes that exist', async () => {
  const table = await readFile(new URL('../../../../shared/errors/codes.md', import.meta.url), 'utf8');
  expect(Object.keys(EXIT_BY_ERROR).filter((code) => !table.includes(`\`${code}\``))).toEqual([]);
});

it('is documented as it is', async () => {
  const readme = await readFile(new URL('../../../../shared/errors/README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').filter((line) => /^\| \d/.test(line));
  expect(rows).toEqual((Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => `| ${EXIT[name]} | ${EXIT_MEANINGS[name]} |`));
});
