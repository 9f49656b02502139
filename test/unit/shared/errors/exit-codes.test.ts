import { expect, it } from 'vitest';
import { BwError, toBwError } from '../../../../shared/errors/bw-error.js';
import { EXIT, EXIT_MEANINGS, exitCodeOf } from '../../../../shared/errors/exit-codes.js';

it('has a distinct number and a meaning for every code', () => {
  expect(Object.keys(EXIT_MEANINGS).sort()).toEqual(Object.keys(EXIT).sort());
  expect(new Set(Object.values(EXIT)).size).toBe(Object.keys(EXIT).length);
});

it.each([
  ['CONFIG_INVALID', 2],
  ['USAGE', 2],
  ['BACKUP_NOT_FOUND', 4],
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
