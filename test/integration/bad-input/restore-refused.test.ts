import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testSite, type TestSite } from '../../helpers/site.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { restore, resultOf } from './restoring.js';

describe('a restore into the wrong place', () => {
  it('an existing target that is not empty: refused, and nothing in it is touched', async () => {
    const { site, manifest } = await siteWithBackup();
    const target = join(site.dir, 'restore', 'used');
    await mkdir(target);
    await writeFile(join(target, 'letter'), 'mine');
    const { ended } = await restore(site, manifest, { target });
    expect(ended).toMatchObject({ state: 'failed' });
    expect(ended.reason).toMatch(/^RESTORE_TARGET_NOT_EMPTY: the target exists and is not empty; nothing was restored \[.*\/used\]\n  it holds "letter"\n  -> Choose a new directory, go on with an earlier restore into it with --resume, or restore into it on purpose with --in-place --on-conflict/);
    expect(await readdir(target)).toEqual(['letter']);
    expect(await readFile(join(target, 'letter'), 'utf8')).toBe('mine');
    expect(await restoresAgain(site, manifest)).toBe('clean');
  });

  it('a target that is a file: refused, and the file stays', async () => {
    const { site, manifest } = await siteWithBackup();
    const target = join(site.dir, 'restore', 'file');
    await writeFile(target, 'mine');
    const { ended } = await restore(site, manifest, { target });
    expect(ended.reason).toMatch(/^RESTORE_TARGET_NOT_EMPTY: /);
    expect(await readFile(target, 'utf8')).toBe('mine');
  });

  it('outside of the allowed targets, also by .. or a symbolic link: refused by the worker, and nothing is written there', async () => {
    const { site, manifest } = await siteWithBackup();
    const outside = join(site.dir, 'outside');
    await mkdir(outside);
    await symlink(outside, join(site.dir, 'restore', 'link'));
    const wrong = [join(outside, 'r1'), `${join(site.dir, 'restore')}/../outside/r1`, join(site.dir, 'restore', 'link', 'r1'), join(site.dir, 'restore-too', 'r1'), 'relative/r1'];
    for (const target of wrong) {
      const { ended } = await restore(site, manifest, { target });
      expect(ended.reason).toMatch(/^RESTORE_TARGET_REFUSED: restoring there is not allowed: .*\n  restore\.allowedTargets: \/.*\n  -> Choose a directory below an allowed target, or add one to restore\.allowedTargets/);
    }
    expect(await readdir(outside)).toEqual([]);
    expect(await readdir(site.dir)).not.toContain('restore-too');
    expect(await restoresAgain(site, manifest)).toBe('clean');
  });
});

async function siteWithBackup(): Promise<{ site: TestSite; manifest: Manifest }> {
  const site = await testSite();
  await mkdir(join(site.topdir, 'alice'));
  await writeFile(join(site.topdir, 'alice', 'letter'), 'dear bob');
  await site.backUp();
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  return { site, manifest };
}

async function restoresAgain(site: TestSite, manifest: Manifest): Promise<string> {
  return resultOf(await restore(site, manifest)).outcome;
}
