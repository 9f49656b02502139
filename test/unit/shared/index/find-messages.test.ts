import { expect, it } from 'vitest';
import { parseFindMessage } from '../../../../shared/index/find-messages.js';

it.each([
  ["find: './gone': No such file or directory", { kind: 'gone', path: 'gone' }],
  ["find: './a/b': Permission denied", { kind: 'unreadable', path: 'a/b', reason: 'Permission denied' }],
  ["find: '.': Permission denied", { kind: 'unreadable', path: '.', reason: 'Permission denied' }],
  [String.raw`find: './un\nread\t\\\'"': Input/output error`, { kind: 'unreadable', path: 'un\nread\t\\\'"', reason: 'Input/output error' }],
  [String.raw`find: './\001\377\0012': Stale file handle`, { kind: 'unreadable', path: '\x01\xff\x012', reason: 'Stale file handle' }],
  ["find: './e': Permission denied': No such file or directory", { kind: 'unknown' }],
  [String.raw`find: './e\': Permission denied': No such file or directory`, { kind: 'gone', path: "e': Permission denied" }],
  ["find: File system loop detected; './a/b' is part of the same file system loop as './a'.", { kind: 'unreadable', path: 'a/b', reason: 'file system loop' }],
  ["find: './x': Cannot send after transport endpoint shutdown", { kind: 'unknown' }],
  ["find: './x': Cannot allocate memory", { kind: 'unknown' }],
  ["find: WARNING: Hard link count is wrong for './x'", { kind: 'unknown' }],
  ['sort: write failed', { kind: 'unknown' }],
])('%s', (line, expected) => {
  expect(parseFindMessage(line)).toMatchObject(expected);
});
