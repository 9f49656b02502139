import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { findInIndex } from '../../../shared/index/find-in-index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';

/** Three directories of ten files in shards of about a directory each. */
async function sealedSite(): Promise<{ site: TestSite; manifest: Manifest; source: string }> {
  const site = await testSite({ settings: { shards: { maxFiles: 12 } } });
  const source = join(site.topdir, 'dora');
  for (const dir of ['a', 'b', 'c']) {
    await mkdir(join(source, dir), { recursive: true });
    for (let i = 0; i < 10; i++) await writeFile(join(source, dir, `f${i}`), `${dir}${i}`.repeat(100));
  }
  await chmod(source, 0o750);
  const ended = await site.backUp();
  expect(ended).toMatchObject([{ state: 'completed' }]);
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  expect(manifest.archives.filter(({ kind }) => kind === 'data').length).toBeGreaterThanOrEqual(3);
  return { site, manifest, source };
}

describe('restore', () => {
  it('of one path opens no other archive, and says so when a path is not in the backup', async () => {
    const { site, manifest, source } = await sealedSite();
    const target = join(site.dir, 'restore', 'one');
    // Whoever read another shard's slices would stumble over them.
    const holds = await archivesWith(site, manifest, 'b');
    for (const archive of manifest.archives.filter(({ key }) => !holds.has(key))) {
      for (const { locations } of archive.slices) await writeFile(join(site.dir, 'lts', locations.lts?.object ?? ''), 'broken');
    }
    const ended = await restore(site, manifest, { target, paths: ['b/f3'] });
    expect(ended).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean', archives: 1, problemCount: 0 } });
    expect(await readdir(target)).toEqual(['b']);
    expect(await readFile(join(target, 'b', 'f3'))).toEqual(await readFile(join(source, 'b', 'f3')));
    expect((await stat(target)).mode & 0o777).toBe(0o700);

    const missing = await restore(site, manifest, { target: join(site.dir, 'restore', 'two'), paths: ['b/nothing', 'b/f3'] });
    expect(missing).toMatchObject({ state: 'failed' });
    expect(missing.reason).toContain('RESTORE_PATH_UNKNOWN');
    expect(missing.reason).toContain('b/nothing');
  });

  it('whose job is done once more after its end, because its worker died, tells the same and touches nothing', async () => {
    const { site, manifest } = await sealedSite();
    const target = join(site.dir, 'restore', 'merged');
    await mkdir(target);
    const ended = await restore(site, manifest, { target, conflict: 'overwrite' });
    expect(ended).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    await writeFile(join(target, 'a', 'f1'), 'mine by now');
    await (await site.worker.context.queues.backup.getJob(ended.jobId))?.retry('completed');
    expect(await site.waitFor([ended.jobId])).toEqual([ended]);
    expect(await readFile(join(target, 'a', 'f1'), 'utf8')).toBe('mine by now');
  });

  it('begins the metadata of the basepath directory anew where a start died amid it', async () => {
    const { site, manifest, source } = await sealedSite();
    const { staging } = site.worker.context;
    const archive = manifest.archives.find(({ kind }) => kind === 'metadata');
    const [restoreId, target] = [ulid(), join(site.dir, 'restore', 'again')];
    const opened = await staging.createStart(join(restoreId, 'metadata'), archive?.key ?? '');
    await symlink('/nowhere', join(opened, archive?.slices[0]?.name ?? ''));
    await writeFile(join(await staging.createStart(restoreId, 'skeleton'), 'left'), '');
    expect(await restore(site, manifest, { restoreId, target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    expect((await stat(target)).mode & 0o777).toBe((await stat(source)).mode & 0o777);
  });

  it('refuses a target that is not empty and one that is not allowed, and touches neither', async () => {
    const { site, manifest } = await sealedSite();
    const full = join(site.dir, 'restore', 'full');
    await mkdir(full);
    await writeFile(join(full, 'mine'), 'mine');
    const refused = await restore(site, manifest, { target: full });
    expect(refused.reason).toContain('RESTORE_TARGET_NOT_EMPTY');
    expect(await readdir(full)).toEqual(['mine']);
    const outside = await restore(site, manifest, { target: join(site.dir, 'elsewhere') });
    expect(outside.reason).toContain('RESTORE_TARGET_REFUSED');
    expect(await readdir(site.dir)).not.toContain('elsewhere');
  });

  it.each([
    ['keep', 'changed', ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'f9', 'new']],
    ['overwrite', 'a0'.repeat(100), ['f0', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'f9', 'new']],
    ['rename', 'a0'.repeat(100), ['f0', 'f0.~1~', 'f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'f9', 'new']],
  ] as const)('in place with %s treats what is there as asked', async (conflict, content, names) => {
    const { site, manifest } = await sealedSite();
    const tree = join(site.dir, 'restore', 'living');
    await mkdir(join(tree, 'a'), { recursive: true });
    await writeFile(join(tree, 'a', 'f0'), 'changed');
    await writeFile(join(tree, 'a', 'new'), 'newer than the backup');
    const ended = await restore(site, manifest, { target: tree, conflict });
    expect(ended).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    expect(await readFile(join(tree, 'a', 'f0'), 'utf8')).toBe(content);
    const found = (await readdir(join(tree, 'a'))).sort();
    expect(found).toEqual([...names]);
    expect((await readdir(tree)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('grants nothing new through default ACLs, and gives them back', async () => {
    const site = await testSite();
    const source = join(site.topdir, 'eve');
    await mkdir(join(source, 'shared'), { recursive: true });
    await writeFile(join(source, 'shared', 'private'), 'mine', { mode: 0o600 });
    await run({ program: 'setfacl', args: ['-m', 'd:u:1234:rwx', join(source, 'shared')] });
    await site.backUp();
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    const target = join(site.dir, 'restore', 'acl');
    await run({ program: 'setfacl', args: ['-m', 'd:u:4321:rwx', join(site.dir, 'restore')] }); // the target's parent hands one down
    expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
    const compared = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
  });

  it('names what is not as it was backed up, whatever dar says', async () => {
    const { site, manifest } = await sealedSite();
    const { verifyRestored } = await import('../../../worker/jobs/restore/verify-restored.js');
    const target = join(site.dir, 'restore', 'spoiled');
    expect(await restore(site, manifest, { target })).toMatchObject({ state: 'completed' });
    await writeFile(join(target, 'a', 'f1'), 'other');
    await chmod(join(target, 'b', 'f2'), 0o777);
    await run({ program: 'rm', args: ['--', join(target, 'c', 'f3')] });
    const layers = [{ file: site.catalog.file(manifest, manifest.index), backupId: manifest.backupId }];
    const verified = await verifyRestored({ layers, paths: [], target, tempDir: site.dir, owners: true, racySince: () => Number.MAX_SAFE_INTEGER, signal: new AbortController().signal });
    const said = Object.fromEntries(verified.problems.map(({ where, problem }) => [where, problem]));
    expect(said['a/f1']).toContain('size 200 was backed up, 5 is there');
    expect(said['b/f2']).toContain('mode 644 was backed up, 777 is there');
    expect(said['c/f3']).toBe('not restored');
    expect(said['c']).toContain('mtime');
    expect(verified).toMatchObject({ problemCount: 4, looked: 34 });
  });
});

async function archivesWith(site: TestSite, manifest: Manifest, dir: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const records of findInIndex(site.catalog.file(manifest, manifest.index), [bytePath.fromText(`${dir}/f3`)])) for (const { archive } of records) keys.add(archive);
  return keys;
}
