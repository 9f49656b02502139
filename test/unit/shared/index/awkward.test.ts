import { expect, it } from 'vitest';
import { awkwardUnit } from '../../../../shared/index/awkward.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

it.each([
  ['plain/path', null],
  ['ca\rrriage/in the middle', null],
  ['a/\rfirst', null],
  ['new\nline', 'new\nline'],
  ['a/new\nline/b/other\nline', 'a/new\nline'],
  ['a/cr\r', 'a/cr\r'],
  ['a/cr\r/below', 'a/cr\r'],
  ['\n', '\n'],
])('%j is given to dar by -g as %j', (path, unit) => {
  expect(awkwardUnit(bytePath.of(path))).toBe(unit);
});
