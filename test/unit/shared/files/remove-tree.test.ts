import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeTree } from '../../../../shared/files/remove-tree.js';
import { workspace } from '../../../helpers/workspace.js';

it('a tree goes, whatever its names are; what links lead to stays', async () => {
  const dir = await workspace();
  await mkdir(join(dir, 'kept'));
  await writeFile(join(dir, 'kept/file'), '');
  await mkdir(join(dir, 'tree/a/b'), { recursive: true });
  const odd = Buffer.concat([Buffer.from(join(dir, 'tree/a/b/')), Buffer.from([0xff, 0x0a, 0xe9])]);
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from([0x2f, 0xc3, 0x28])]), 'x');
  await symlink(join(dir, 'kept'), join(dir, 'tree/link'));
  await removeTree(join(dir, 'tree'));
  await removeTree(join(dir, 'never there'));
  expect(await readdir(dir)).toEqual(['kept']);
  expect(await readdir(join(dir, 'kept'))).toEqual(['file']);
});
