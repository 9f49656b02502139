import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type * as Process from '../../../shared/process/index.js';
import { restore } from '../../helpers/restore.js';
import { testSite } from '../../helpers/site.js';

const removals = vi.hoisted(() => ({ dying: 0, trees: [] as string[] }));

// As a worker that is killed while `rm` works: part of the tree is gone, and nothing of this start comes after it.
vi.mock('../../../shared/process/index.js', async (original) => {
  const real = await original<typeof Process>();
  const run: typeof real.run = async (command, options) => {
    const tree = String(command.args.at(-1));
    if (command.program !== 'rm' || !tree.includes('/.bw-restore-')) return real.run(command, options);
    removals.trees.push(tree);
    if (removals.dying-- > 0) {
      await rm(join(tree, 'a'), { recursive: true });
      throw new Error('died while it removed');
    }
    return real.run(command, options);
  };
  return { ...real, run };
});

it('in place tells what it has come to, and removes the rest, when a start died while it removed what was merged', async () => {
  const site = await testSite();
  for (const dir of ['a', 'b']) {
    await mkdir(join(site.topdir, 'dora', dir), { recursive: true });
    await writeFile(join(site.topdir, 'dora', dir, 'letter'), `from ${dir}`);
  }
  await site.backUp();
  const [manifest] = await site.manifests();
  if (manifest === undefined) return expect.unreachable();
  const target = join(site.dir, 'restore', 'living');
  await mkdir(target);
  removals.dying = 1;
  const ended = await restore(site, manifest, { target, conflict: 'overwrite' }, 2);
  expect(ended).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean', problems: [], problemCount: 0 } });
  expect(ended.returnValue).not.toHaveProperty('isMerged');
  expect(removals.trees).toHaveLength(2); // the first died
  expect((await readdir(target)).sort()).toEqual(['a', 'b']);
  expect(await readFile(join(target, 'a', 'letter'), 'utf8')).toBe('from a');
});
