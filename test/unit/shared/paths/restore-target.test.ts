import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRestoreTarget, isInside } from '../../../../shared/paths/restore-target.js';
import { workspace } from '../../../helpers/workspace.js';

describe('checkRestoreTarget', () => {
  it('allows an allowed directory itself and everything below, there or not', async () => {
    const dir = await workspace();
    await mkdir(join(dir, 'ok'));
    expect(await checkRestoreTarget(join(dir, 'ok'), [join(dir, 'ok')])).toBe(join(dir, 'ok'));
    expect(await checkRestoreTarget(join(dir, 'ok', 'new', 'deep'), [join(dir, 'ok')])).toBe(join(dir, 'ok', 'new', 'deep'));
  });

  it('refuses neighbours, relative paths, ways up and symbolic links that lead out', async () => {
    const dir = await workspace();
    await mkdir(join(dir, 'ok'));
    await mkdir(join(dir, 'secret'));
    await symlink(join(dir, 'secret'), join(dir, 'ok', 'link'));
    const refused = expect.objectContaining({ code: 'RESTORE_TARGET_REFUSED', retry: 'permanent' }) as unknown;
    for (const target of [join(dir, 'ok2'), join(dir, 'ok', '..', 'secret'), join(dir, 'ok', 'link', 'x'), 'ok', '/']) {
      await expect(checkRestoreTarget(target, [join(dir, 'ok')]), target).rejects.toEqual(refused);
    }
    await expect(checkRestoreTarget(join(dir, 'ok'), [])).rejects.toEqual(refused);
  });

  it('does not take a common prefix for a parent', () => {
    expect(isInside('/a/bc', '/a/b')).toBe(false);
    expect(isInside('/a/..b', '/a')).toBe(true);
    expect(isInside('/a', '/')).toBe(true);
  });
});
