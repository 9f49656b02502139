import { expect, it } from 'vitest';
import { TopPaths } from '../../../../shared/index/top-paths.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect } from './make-record.js';

it.each<[readonly string[], readonly string[]]>([
  [[], []],
  [['a'], ['a']],
  [['a/b', 'a', 'a-b', 'a/b/c', 'ab'], ['a', 'a-b', 'ab']],
  [['x/1', 'x/2', 'y/z/1', 'y/z'], ['x/1', 'x/2', 'y/z']],
  // Bytes that stand for the separator while sorting.
  [['a\x01b', 'a', 'a\x02', 'a/\x01/x', 'c\x01/d', 'c\x01'], ['a', 'a\x01b', 'a\x02', 'c\x01']],
  [['d/e', 'd\x01e'], ['d/e', 'd\x01e']],
])('%j: %j', async (paths, expected) => {
  const tops = new TopPaths({ tempDir: await workspace(), memoryBytes: paths.length > 4 ? 10 : 1000 });
  for (const path of paths) tops.add(bytePath.of(path));
  expect((await collect(tops.tops())).sort()).toEqual([...expected].sort());
});
