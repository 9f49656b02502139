import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at, AWKWARD_NAMES, NON_UTF8_BASEPATH } from '../../../deploy/quickstart/names.js';
import { makeSampleTree } from '../../../deploy/quickstart/sample-tree.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';

async function makeIn(root: string): Promise<void> {
  mkdirSync(root);
  const skipped = await makeSampleTree(root);
  if (process.getuid?.() === 0) expect(skipped).toEqual([]);
}

describe('the sample tree', () => {
  it('has three basepaths and every awkward thing once', async () => {
    const root = join(await workspace(), 'sample');
    await makeIn(root);
    const names = readdirSync(root, { encoding: 'buffer' }).map((name) => name.toString('latin1')).sort();
    expect(names).toEqual(['alice', "bob's project", NON_UTF8_BASEPATH.toString('latin1')]);
    const types = (await run({ program: 'find', args: [root, '-printf', '%y'] })).stdout.toString();
    expect([...new Set(types)].sort().join('')).toBe(process.getuid?.() === 0 ? 'cdflps' : 'dflps');
    expect(readdirSync(join(root, "bob's project/names"))).toHaveLength(AWKWARD_NAMES.length);
    const sparse = lstatSync(join(root, 'alice/data/disk.img'));
    expect(sparse.blocks * 512).toBeLessThan(sparse.size / 100);
    expect(lstatSync(join(root, 'alice/data/more.bin')).nlink).toBe(3);
    expect(lstatSync(join(root, 'alice'), { bigint: true }).mtimeNs).toBe(946_684_799_500_000_000n);
    expect(lstatSync(at(root, 'alice', 'socket')).isSocket()).toBe(true);
    expect(readdirSync(join(root, 'alice'))).not.toContain('socket~');
  });

  it('survives a copy by a tool that keeps everything', async () => {
    const dir = await workspace();
    await makeIn(join(dir, 'sample'));
    await run({ program: 'cp', args: ['-a', join(dir, 'sample'), join(dir, 'copy')] });
    const result = await compareTrees({ left: bytePath.fromText(join(dir, 'sample')), right: bytePath.fromText(join(dir, 'copy')), content: 'hash' });
    expect(result.differences).toEqual([]);
    expect(result.compared.entries).toBeGreaterThan(500);
  });

  it('has the same bytes each time', async () => {
    const dir = await workspace();
    await makeIn(join(dir, 'one'));
    await makeIn(join(dir, 'two'));
    const result = await compareTrees({
      left: bytePath.fromText(join(dir, 'one')), right: bytePath.fromText(join(dir, 'two')), content: 'hash', ignore: { fields: ['mtime'] },
    });
    expect(result.differences).toEqual([]);
  });
});
