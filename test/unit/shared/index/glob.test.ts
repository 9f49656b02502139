import { expect, it } from 'vitest';
import { compileGlob } from '../../../../shared/index/glob.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

it.each([
  ['*.txt', 'a/b.txt', true],
  ['*.txt', 'a.txt/b', false],
  ['*', 'a\nb', true],
  ['?', 'a/b', true],
  ['a/*', 'a/b', true],
  ['a/*', 'a/b/c', false],
  ['/a/*/', 'a/b', true],
  ['./a/b', 'a/b', true],
  ['a/**', 'a/b/c', true],
  ['**/c', 'a/b/c', true],
  ['**/c', 'c', true],
  ['a/**/c', 'a/c', true],
  ['[ab]c', 'x/bc', true],
  ['[!ab]c', 'x/bc', false],
  ['[^ab]c', 'x/dc', true],
  ['[]x]', ']', true],
  ['a.c', 'abc', false],
  ['a+(b)$', 'a+(b)$', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['[', '[', true],
])('%s and %j: %s', (pattern, path, matches) => {
  expect(compileGlob(pattern)(bytePath.of(path))).toBe(matches);
});

it('matches the bytes of UTF-8 names', () => {
  expect(compileGlob('ü*')(bytePath.fromText('über'))).toBe(true);
  expect(compileGlob('ü*')(bytePath.of('\xfcber'))).toBe(false);
});
