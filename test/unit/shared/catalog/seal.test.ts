import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCatalog, storedFiles, type Catalog, type Disk, type SealRequest } from '../../../../shared/catalog/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { faultyDisk, tracedDisk } from './faulty-disk.js';
import { BASEPATH, backupIdOf, sampleManifest, sampleRequest, treeOf, type SampleOptions } from './sample-backup.js';

const DAY = 86_400_000;
const MORE_STEPS_THAN_A_SEAL = 60;

interface Site {
  readonly root: string;
  readonly catalog: Catalog;
  readonly request: (options?: SampleOptions) => Promise<SealRequest>;
  readonly withDisk: (disk: Disk) => Promise<Catalog>;
}

async function site(): Promise<Site> {
  const dir = await workspace();
  const root = join(dir, 'catalog');
  const catalog = await openCatalog(root);
  let count = 0;
  return {
    root,
    catalog,
    request: (options) => sampleRequest(join(dir, `work${count++}`), options),
    withDisk: (disk) => openCatalog(root, { disk }),
  };
}

const dirOf = (root: string, { manifest }: SealRequest): string => join(root, 'backups', manifest.basepathId, manifest.backupId);
const sweepAll = (catalog: Catalog): ReturnType<Catalog['sweepUnsealed']> =>
  catalog.sweepUnsealed({ olderThanMs: 1, now: Date.now() + DAY, inFlight: () => false });

async function listed(catalog: Catalog): Promise<string[]> {
  const ids: string[] = [];
  for await (const backup of catalog.listBackups()) ids.push(backup.ok ? backup.manifest.backupId : backup.error.code);
  return ids;
}

describe('seal', () => {
  it('puts manifest and files in place, 0700 and 0600, sound and readable', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    expect(await catalog.seal(work)).toBe('sealed');
    expect(await catalog.readManifest(BASEPATH, work.manifest.backupId)).toEqual(work.manifest);
    expect(await catalog.checkBackup(work.manifest)).toEqual([]);
    const dir = dirOf(root, work);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    expect((await readdir(dir)).sort()).toEqual(['manifest.json', ...work.files.map((file) => file.name)].sort());
  });

  it('has every file, its directory and its manifest on disk before the link, and the link after', async () => {
    const { request, withDisk } = await site();
    const work = await request();
    const { disk, steps } = tracedDisk();
    await (await withDisk(disk)).seal(work);
    const sealing = steps.findIndex((step) => step.startsWith('link') && step.endsWith('manifest.json'));
    const before = steps.slice(0, sealing);
    const dir = dirname(steps[sealing]?.split(' ')[2] ?? '');
    for (const file of work.files) expect(before).toContain(`syncFile ${file.from}`);
    const lastPlaced = Math.max(...before.map((step, index) => (step.startsWith('link') || step.startsWith('writeNew') ? index : -1)));
    expect(before.slice(lastPlaced + 1)).toEqual(expect.arrayContaining([`syncDir ${dir}`, `syncDir ${dirname(dir)}`]));
    expect(before).toContain(`syncDir ${dirname(dirname(dir))}`);
    expect(steps.slice(sealing + 1)).toContain(`syncDir ${dir}`);
  });

  it('needs no more fsyncs than files, manifest, and three of directories once the basepath is known', async () => {
    const { request, withDisk, catalog } = await site();
    await catalog.seal(await request({ capturedDay: 1 }));
    const work = await request({ capturedDay: 2 });
    const { disk, steps } = tracedDisk();
    await (await withDisk(disk)).seal(work);
    expect(steps.filter((step) => step.startsWith('sync'))).toHaveLength(work.files.length + 3);
  });

  it.each(['crash', 'error'] as const)('is all or nothing with a %s at any step', async (fault) => {
    for (let step = 1; step < MORE_STEPS_THAN_A_SEAL; step += 1) {
      const { root, catalog, request } = await site();
      const work = await request();
      const faulty = faultyDisk(step + 3, fault); // opening takes three steps
      const outcome = await (await openCatalog(root, { disk: faulty.disk })).seal(work).catch((thrown: unknown) => thrown);
      const ids = await listed(catalog);
      if (!faulty.hit) {
        expect(outcome).toBe('sealed');
        expect(step).toBeGreaterThan(10);
        return;
      }
      expect([[], [work.manifest.backupId]]).toContainEqual(ids);
      if (fault === 'error' && ids.length === 0) expect((await treeOf(join(root, 'backups'))).filter((path) => !path.endsWith('/'))).toEqual([]);
      await sweepAll(catalog);
      if (ids.length === 0) expect((await treeOf(join(root, 'backups'))).filter((path) => path !== `${BASEPATH}/`)).toEqual([]);
      else expect(await catalog.checkBackup(work.manifest)).toEqual([]);
      for (const file of work.files) await stat(file.from);
      expect(await catalog.seal(work)).toBe('sealed');
      expect(await catalog.checkBackup(work.manifest)).toEqual([]);
    }
    throw new Error('the fault was hit at every step: the loop is too short');
  });

  it('is retried over what a crash left, without a sweep between', async () => {
    for (let step = 1; step < MORE_STEPS_THAN_A_SEAL; step += 1) {
      const { root, catalog, request } = await site();
      const work = await request();
      const faulty = faultyDisk(step + 3, 'crash');
      await (await openCatalog(root, { disk: faulty.disk })).seal(work).catch(() => undefined);
      // As when files are fetched again from long-term storage: same names and content, other inodes.
      for (const { from } of work.files) {
        const content = await readFile(from);
        await rm(from);
        await writeFile(from, content);
      }
      expect(await catalog.seal(work)).toBe('sealed');
      const unnamed = (await catalog.checkBackup(work.manifest)).filter((problem) => problem.problem !== 'unnamed');
      expect(unnamed).toEqual([]);
      if (!faulty.hit) return;
    }
  });

  it('lets exactly one of many starts seal; the others leave nothing', async () => {
    const { root, catalog, request } = await site();
    const backupId = backupIdOf(1);
    const starts = await Promise.all(['1aa', '2bb', '3cc', '4dd', '5ee'].map((start) => request({ backupId, start })));
    const results = await Promise.all(starts.map((work) => catalog.seal(work)));
    expect(results.filter((result) => result === 'sealed')).toHaveLength(1);
    const winner = starts[results.indexOf('sealed')] as SealRequest;
    expect(await catalog.readManifest(BASEPATH, backupId)).toEqual(winner.manifest);
    expect(await catalog.checkBackup(winner.manifest)).toEqual([]);
    expect(await readdir(dirOf(root, winner))).toHaveLength(winner.files.length + 1);
  });

  it('keeps files the sealed manifest names even if a loser placed them', async () => {
    const { catalog, request } = await site();
    const first = await request();
    const other: SealRequest = { ...first, manifest: { ...first.manifest, sealedAt: new Date().toISOString() } };
    const results = await Promise.all([catalog.seal(first), catalog.seal(other)]);
    expect(results.sort()).toEqual(['sealed', 'taken']);
    expect(await catalog.checkBackup(first.manifest)).toEqual([]);
  });

  it('calls the very same manifest sealed when asked again, and another one taken', async () => {
    const { catalog, request } = await site();
    const work = await request();
    await catalog.seal(work);
    expect(await catalog.seal(work)).toBe('sealed');
    expect(await catalog.seal(await request({ backupId: work.manifest.backupId, start: '2xyz' }))).toBe('taken');
  });

  it.each<[string, (work: SealRequest) => Promise<SealRequest>]>([
    ['a file missing', async (work) => { await rm(work.files[0]?.from ?? ''); return work; }],
    ['a file of other size', async (work) => { await writeFile(work.files[1]?.from ?? '', 'short'); return work; }],
    ['a flipped bit', async (work) => {
      const path = work.files[2]?.from ?? '';
      const bytes = await readFile(path);
      bytes[3] = (bytes[3] ?? 0) ^ 1;
      await writeFile(path, bytes);
      return work;
    }],
    ['a file not given', (work) => Promise.resolve({ ...work, files: work.files.slice(1) })],
    ['a file too many', (work) => Promise.resolve({ ...work, files: [...work.files, { from: '/dev/null', name: 'more' }] })],
  ])('refuses %s and leaves nothing', async (_, damage) => {
    const { root, catalog, request } = await site();
    const work = await damage(await request());
    await expect(catalog.seal(work)).rejects.toMatchObject({ code: 'SEAL_INCOMPLETE', retry: 'retry' });
    expect(await treeOf(join(root, 'backups'))).toEqual([]);
  });

  it('refuses a manifest that could not be read back', async () => {
    const { root, catalog } = await site();
    const manifest = { ...sampleManifest(), policyHash: undefined as unknown as string };
    await expect(catalog.seal({ manifest, files: [] })).rejects.toMatchObject({ code: 'SEAL_MANIFEST_INVALID' });
    expect(await treeOf(join(root, 'backups'))).toEqual([]);
  });

  it('refuses a file of its name with other content, and does not touch it', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    const squatter = join(dirOf(root, work), work.files[0]?.name ?? '');
    await mkdir(dirname(squatter), { recursive: true });
    await writeFile(squatter, 'someone else');
    await expect(catalog.seal(work)).rejects.toMatchObject({ code: 'SEAL_NAME_TAKEN' });
    expect(await readdir(dirname(squatter))).toEqual([basename(squatter)]);
  });

  it('copies where the work area is on another filesystem', async () => {
    const { catalog, root, request } = await site();
    const traced = tracedDisk();
    const otherFilesystem = (from: string): boolean => !from.startsWith(root);
    const disk: Disk = {
      ...traced.disk,
      link: (from, to) => (otherFilesystem(from) ? Promise.reject(Object.assign(new Error('cross-device link'), { code: 'EXDEV' })) : traced.disk.link(from, to)),
    };
    const work = await request();
    await (await openCatalog(root, { disk })).seal(work);
    expect(await catalog.checkBackup(work.manifest)).toEqual([]);
    for (const file of storedFiles(work.manifest)) expect((await stat(catalog.file(work.manifest, file))).mode & 0o777).toBe(0o600);
    expect(traced.steps.filter((step) => step.startsWith('copyNew'))).toHaveLength(3);
  });

  it.each(['itself', 'its parent'])('is excluded by a tombstone on %s', async (which) => {
    const { root, catalog, request } = await site();
    const parent = await request({ capturedDay: 1 });
    await catalog.seal(parent);
    const child = await request({ capturedDay: 2, level: 'incremental', parent: parent.manifest.backupId });
    const tombstone = join(dirOf(root, which === 'itself' ? child : parent), 'removed.json');
    await mkdir(dirname(tombstone), { recursive: true });
    await writeFile(tombstone, '{}');
    await expect(catalog.seal(child)).rejects.toMatchObject({ code: 'SEAL_REMOVED', retry: 'permanent' });
    expect(await listed(catalog)).toEqual(which === 'itself' ? [parent.manifest.backupId] : []);
  });

  it('does not call a backup sealed that was removed since', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    await catalog.seal(work);
    await writeFile(join(dirOf(root, work), 'removed.json'), '{}');
    await expect(catalog.seal(work)).rejects.toMatchObject({ code: 'SEAL_REMOVED' });
  });

  it('looks for the parent\'s tombstone after its own directory can be seen', async () => {
    const { root, catalog, request } = await site();
    const parent = await request({ capturedDay: 1 });
    await catalog.seal(parent);
    const child = await request({ capturedDay: 2, level: 'incremental', parent: parent.manifest.backupId });
    const traced = tracedDisk();
    const buryParentMeanwhile: Disk = {
      ...traced.disk,
      makeDir: async (path) => {
        const made = await traced.disk.makeDir(path);
        if (path === dirOf(root, child)) await writeFile(join(dirOf(root, parent), 'removed.json'), '{}');
        return made;
      },
    };
    await expect((await openCatalog(root, { disk: buryParentMeanwhile })).seal(child)).rejects.toMatchObject({ code: 'SEAL_REMOVED' });
    expect(await readdir(join(root, 'backups', BASEPATH))).toEqual([parent.manifest.backupId]);
  });
});

describe('sweepUnsealed', () => {
  it('removes what is old, unsealed and not in flight, and nothing else', async () => {
    const { root, catalog, request } = await site();
    const sealed = await request({ capturedDay: 1 });
    await catalog.seal(sealed);
    await writeFile(join(dirOf(root, sealed), 'dar.9zz.log'), 'a loser was cut off');
    const [dead, running] = [backupIdOf(2), backupIdOf(3)].map((id) => join(root, 'backups', BASEPATH, id)) as [string, string];
    for (const dir of [dead, running]) {
      await mkdir(dir);
      await writeFile(join(dir, 'index.1.zst'), '');
    }
    const inFlight = (id: string): Promise<boolean> => Promise.resolve(id === basename(running));
    const young = await catalog.sweepUnsealed({ olderThanMs: DAY, now: Date.now(), inFlight });
    expect(young).toEqual({ removedBackups: [], removedFiles: [], problems: [] });
    const report = await catalog.sweepUnsealed({ olderThanMs: DAY, now: Date.now() + 2 * DAY, inFlight });
    expect(report).toEqual({ removedBackups: [dead], removedFiles: [join(dirOf(root, sealed), 'dar.9zz.log')], problems: [] });
    expect(await readdir(running)).toEqual(['index.1.zst']);
    expect(await catalog.checkBackup(sealed.manifest)).toEqual([]);
  });

  it('touches nothing beside a manifest it cannot read, and says so', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    await catalog.seal(work);
    await writeFile(join(dirOf(root, work), 'manifest.json'), '{}');
    const before = await treeOf(root);
    const report = await sweepAll(catalog);
    expect(report.problems).toMatchObject([{ code: 'MANIFEST_DAMAGED' }]);
    expect(await treeOf(root)).toEqual(before);
  });

  it('leaves tombstoned directories to retention', async () => {
    const { root, catalog } = await site();
    const dir = join(root, 'backups', BASEPATH, backupIdOf(1));
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'removed.json'), '{}');
    await sweepAll(catalog);
    expect(await readdir(dir)).toEqual(['removed.json']);
  });

  it('makes a seal that stalled for longer than any leftover lives fail, not half succeed', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    const traced = tracedDisk();
    const stalled: Disk = {
      ...traced.disk,
      link: async (from, to) => {
        if (to.endsWith('manifest.json')) await sweepAll(catalog);
        return traced.disk.link(from, to);
      },
    };
    await expect((await openCatalog(root, { disk: stalled })).seal(work)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await listed(catalog)).toEqual([]);
    expect(await catalog.seal(work)).toBe('sealed');
    expect(await catalog.checkBackup(work.manifest)).toEqual([]);
  });

  it('keeps the files of a seal that was faster than the sweep', async () => {
    const { root, catalog, request } = await site();
    const work = await request();
    await faultlessUntilLink(root, work);
    const traced = tracedDisk();
    let sealed = false;
    const sweeping: Disk = {
      ...traced.disk,
      unlink: async (path) => {
        if (!sealed) {
          sealed = true;
          await traced.disk.link(path, join(dirOf(root, work), 'manifest.json'));
        }
        await traced.disk.unlink(path);
      },
    };
    await sweepAll(await openCatalog(root, { disk: sweeping }));
    expect(sealed).toBe(true);
    expect(await catalog.checkBackup(work.manifest)).toEqual([]);
  });
});

/** A seal that dies right before it links the manifest. */
async function faultlessUntilLink(root: string, work: SealRequest): Promise<void> {
  const traced = tracedDisk();
  let dead = false;
  const dying: Disk = {
    ...traced.disk,
    link: (from, to) => {
      dead ||= to.endsWith('manifest.json');
      return dead ? Promise.reject(new Error('died')) : traced.disk.link(from, to);
    },
    unlink: (path) => (dead ? Promise.reject(new Error('died')) : traced.disk.unlink(path)),
  };
  await expect((await openCatalog(root, { disk: dying })).seal(work)).rejects.toThrow();
}
