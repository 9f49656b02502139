import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { excludedBy } from '../../../../shared/index/excluded.js';
import { recordPath } from '../../../../shared/index/record.js';
import { scan } from '../../../../shared/index/scan.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect } from './make-record.js';

describe('excludedBy', () => {
  it.each<[readonly string[], string, boolean]>([
    [[], 'a', false],
    [['*.tmp'], 'a/x.tmp', true],
    [['*.tmp'], 'x.tmp/below', true],
    [['*.tmp'], 'x.tmpl', false],
    [['cache/thumbs'], 'cache/thumbs/a', true],
    [['cache/thumbs'], 'b/cache/thumbs', false],
    [['cache/*'], 'cache/a/b', true],
    [['.*'], '.', false],
    [['.*'], '.hidden', true],
    [['[!a-c]x'], 'dx', true],
    [['[!a-c]x'], 'bx', false],
    [['a\\*'], 'a*', true],
    [['a\\*'], 'ab', false],
    [['?'], '\n', true],
  ])('%j on %j: %s', (patterns, path, expected) => {
    expect(excludedBy(patterns)(bytePath.of(path))).toBe(expected);
  });

  it('takes out just what find does with the same patterns', async () => {
    const tree = join(await workspace(), 'tree');
    const paths = ['a/b/c', 'a/b.tmp', 'cache/x/y', 'cache/z', 'sub/cache/q', '.git/config', 'name[1]', 'k/one', 'k/two.o', 'd/.x'];
    for (const path of paths) {
      mkdirSync(join(tree, path, '..'), { recursive: true });
      writeFileSync(join(tree, path), '');
    }
    const scanned = async (exclude: readonly string[]) => (await collect((await scan({ root: bytePath.fromText(tree), exclude, tempDir: await workspace() })).records)).map(recordPath);
    const all = await scanned([]);
    for (const patterns of [['*.tmp'], ['cache'], ['cache/*'], ['.*'], ['*[[]1]'], ['k/t*', 'a'], ['./cache/'], ['*/c*'], ['?']]) {
      const left = await scanned(patterns);
      const isExcluded = excludedBy(patterns);
      expect({ patterns, left }).toEqual({ patterns, left: all.filter((path) => !isExcluded(path)) });
    }
  });
});
