import { mkdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCatalog } from '../../../../shared/catalog/index.js';
import { keepingWork } from '../../../../shared/import/keep-work.js';
import { workspace } from '../../../helpers/workspace.js';

it('work that takes days shows that it goes on', async () => {
  const dir = join(await workspace(), 'catalog');
  await mkdir(dir);
  const catalog = await openCatalog(dir);
  const backupId = '01K0000000000000000000000A';
  const work = await catalog.createWork(backupId, 1);
  const old = new Date(Date.now() - 172_800_000);
  await keepingWork(work.path, async () => {
    await utimes(work.path, old, old);
    await expect.poll(async () => (await stat(work.path)).mtimeMs).toBeGreaterThan(old.getTime() + 100_000_000);
    expect((await catalog.workChanges(backupId)).get(backupId)).toBeGreaterThan(old.getTime() + 100_000_000);
  }, 5);
  await utimes(work.path, old, old);
  expect((await stat(work.path)).mtimeMs).toBeLessThan(old.getTime() + 1_000);
});
