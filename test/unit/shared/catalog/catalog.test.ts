import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCatalog, type Catalog, type ListedBackup, type Manifest } from '../../../../shared/catalog/index.js';
import { temporaryName } from '../../../../shared/catalog/disk.js';
import { workspace } from '../../../helpers/workspace.js';
import { BASEPATH, backupIdOf, sampleManifest, sampleRequest, treeOf, type SampleOptions } from './sample-backup.js';

async function openSite(): Promise<{ root: string; catalog: Catalog; sealed: (options: SampleOptions) => Promise<Manifest> }> {
  const dir = await workspace();
  const root = join(dir, 'catalog');
  const catalog = await openCatalog(root);
  const sealed = async (options: SampleOptions): Promise<Manifest> => {
    const request = await sampleRequest(join(dir, 'work'), options);
    expect(await catalog.seal(request)).toBe('sealed');
    return request.manifest;
  };
  return { root, catalog, sealed };
}

const manifestPath = (root: string, { basepathId, backupId }: Manifest): string => join(root, 'backups', basepathId, backupId, 'manifest.json');

async function collect(items: AsyncIterable<ListedBackup>): Promise<ListedBackup[]> {
  const all: ListedBackup[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const shown = (items: readonly ListedBackup[]): string[] => items.map((item) => (item.ok ? item.manifest.backupId : `${item.error.code} ${item.backupId}`));

describe('openCatalog', () => {
  it('makes a catalog, all of it 0700, and opens it again', async () => {
    const { root } = await openSite();
    for (const dir of ['', 'backups', 'work', 'journal']) expect((await stat(join(root, dir))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'catalog.json'))).mode & 0o777).toBe(0o600);
    await openCatalog(root, { create: false });
    expect((await readdir(root)).sort()).toEqual(['backups', 'catalog.json', 'journal', 'work']);
  });

  it('does not take an empty mount point for a site without backups', async () => {
    const dir = await workspace();
    await expect(openCatalog(dir, { create: false })).rejects.toMatchObject({ code: 'CATALOG_MISSING', retry: 'operator' });
    expect(await readdir(dir)).toEqual([]);
  });

  it('refuses a newer format and a broken stamp', async () => {
    const { root } = await openSite();
    await writeFile(join(root, 'catalog.json'), '{"format":"bw-bkup-catalog","version":2}');
    await expect(openCatalog(root)).rejects.toMatchObject({ code: 'CATALOG_FOREIGN' });
    await writeFile(join(root, 'catalog.json'), '');
    await expect(openCatalog(root)).rejects.toMatchObject({ code: 'CATALOG_DAMAGED' });
  });

  it('is made once by many at once', async () => {
    const root = join(await workspace(), 'deep', 'catalog');
    await Promise.all(Array.from({ length: 8 }, () => openCatalog(root)));
    expect((await readdir(root)).sort()).toEqual(['backups', 'catalog.json', 'journal', 'work']);
  });
});

describe('readManifest', () => {
  it('tells missing, damaged, foreign and misplaced ones apart', async () => {
    const { root, catalog, sealed } = await openSite();
    const manifest = await sealed({ capturedDay: 1 });
    const path = manifestPath(root, manifest);
    const read = (): Promise<Manifest> => catalog.readManifest(BASEPATH, manifest.backupId);
    await expect(catalog.readManifest(BASEPATH, backupIdOf(5))).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
    await expect(catalog.readManifest('nobody-000000', manifest.backupId)).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
    const whole = await readFile(path);
    await writeFile(path, whole.subarray(0, 200));
    await expect(read()).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED', subject: path });
    await writeFile(path, JSON.stringify({ ...manifest, version: 7 }));
    await expect(read()).rejects.toMatchObject({ code: 'MANIFEST_FOREIGN' });
    await writeFile(path, JSON.stringify({ ...manifest, backupId: backupIdOf(3) }));
    await expect(read()).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED' });
  });

  it('refuses ids that lead out of the catalog', async () => {
    const { catalog } = await openSite();
    await expect(catalog.readManifest('..', backupIdOf(1))).rejects.toMatchObject({ code: 'CATALOG_BAD_ID' });
    await expect(catalog.readManifest(BASEPATH, '../../x')).rejects.toMatchObject({ code: 'CATALOG_BAD_ID' });
    await expect(catalog.removeWork('..')).rejects.toMatchObject({ code: 'CATALOG_BAD_ID' });
  });
});

describe('listBackups', () => {
  it('gives basepath by basepath, newest last, over more than one read-ahead', async () => {
    const { catalog, sealed } = await openSite();
    const days = Array.from({ length: 20 }, (_, day) => day);
    const alice: string[] = [];
    for (const day of days) alice.push((await sealed({ capturedDay: day })).backupId);
    const bob = await sealed({ capturedDay: 0, basepathId: 'bob-000000' });
    expect(shown(await collect(catalog.listBackups()))).toEqual([...alice, bob.backupId]);
    expect(shown(await collect(catalog.listBackups({ basepathId: 'bob-000000' })))).toEqual([bob.backupId]);
    expect(await collect(catalog.listBackups({ basepathId: 'nobody' }))).toEqual([]);
    expect(await catalog.listBasepathIds()).toEqual([BASEPATH, 'bob-000000']);
  });

  it('shows damaged ones in their place, and no unsealed, removed or foreign things', async () => {
    const { root, catalog, sealed } = await openSite();
    const manifests = [await sealed({ capturedDay: 1 }), await sealed({ capturedDay: 2 }), await sealed({ capturedDay: 3 }), await sealed({ capturedDay: 4 })];
    const [first, second, third, fourth] = manifests as [Manifest, Manifest, Manifest, Manifest];
    await writeFile(manifestPath(root, second), 'x');
    await writeFile(join(root, 'backups', BASEPATH, third.backupId, 'removed.json'), '{}');
    await mkdir(join(root, 'backups', BASEPATH, backupIdOf(5)));
    await mkdir(join(root, 'backups', BASEPATH, 'lost+found'));
    await writeFile(join(root, 'backups', 'README'), '');
    expect(shown(await collect(catalog.listBackups()))).toEqual([first.backupId, `MANIFEST_DAMAGED ${second.backupId}`, fourth.backupId]);
  });
});

describe('findBackup', () => {
  it('takes an id or an unambiguous beginning, in any case', async () => {
    const { catalog, sealed } = await openSite();
    const first = await sealed({ capturedDay: 1 });
    const second = await sealed({ capturedDay: 300, basepathId: 'bob-000000' });
    expect(await catalog.findBackup(first.backupId)).toEqual(first);
    expect(await catalog.findBackup(second.backupId.slice(0, 8).toLowerCase())).toEqual(second);
    await expect(catalog.findBackup(first.backupId.slice(0, 2))).rejects.toMatchObject({ code: 'BACKUP_AMBIGUOUS' });
    await expect(catalog.findBackup('7ZZ')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    await expect(catalog.findBackup('')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  });
});

describe('newestSealed', () => {
  it('goes by capture, not by seal nor id, and past a damaged one', async () => {
    const { root, catalog, sealed } = await openSite();
    await sealed({ backupId: backupIdOf(9), capturedDay: 1, sealedDay: 8 });
    const incremental = await sealed({ backupId: backupIdOf(2), capturedDay: 3, sealedDay: 3.1, level: 'incremental' });
    const broken = await sealed({ capturedDay: 5 });
    await writeFile(manifestPath(root, broken), '');
    const problems: string[] = [];
    const newest = await catalog.newestSealed(BASEPATH, (error) => problems.push(error.code));
    expect(newest).toEqual(incremental);
    expect(problems).toEqual(['MANIFEST_DAMAGED']);
    expect(await catalog.newestSealed('nobody', () => undefined)).toBeNull();
  });
});

describe('checkBackup', () => {
  it('names missing, shortened, altered and unnamed files', async () => {
    const { catalog, sealed } = await openSite();
    const manifest = await sealed({ capturedDay: 1 });
    const [index, log, catalogue] = [manifest.index, manifest.logs[0], manifest.archives[0]?.catalogue].map((file) => catalog.file(manifest, file as Manifest['index'])) as [string, string, string];
    await rename(index, `${index}.moved`);
    await writeFile(log, '');
    const bytes = await readFile(catalogue);
    bytes[0] = 0;
    await chmod(catalogue, 0o600);
    await writeFile(catalogue, bytes);
    expect((await catalog.checkBackup(manifest)).map(({ problem }) => problem)).toEqual(['missing', 'size', 'hash', 'unnamed']);
  });

  it('names nothing that somebody is writing just now, or was when a machine went down: sweeps take that', async () => {
    const { catalog, sealed } = await openSite();
    const manifest = await sealed({ capturedDay: 1 });
    const dir = dirname(catalog.file(manifest, manifest.index));
    await writeFile(join(dir, temporaryName('copies.1.json')), '{');
    expect(await catalog.checkBackup(manifest)).toEqual([]);
    await writeFile(join(dir, '.something.tmp'), '');
    expect(await catalog.checkBackup(manifest)).toMatchObject([{ name: '.something.tmp', problem: 'unnamed' }]);
  });

  it('never gives a path outside the backup', async () => {
    const { catalog } = await openSite();
    const manifest = sampleManifest();
    expect(() => catalog.file(manifest, { ...manifest.index, name: '../x' })).toThrow(expect.objectContaining({ code: 'MANIFEST_DAMAGED' }));
  });
});

describe('work area', () => {
  it('keeps the starts of a backup apart, 0700, and removes them together', async () => {
    const { root, catalog } = await openSite();
    const [first, second] = [backupIdOf(1), backupIdOf(2)];
    const one = await catalog.createWork(first, 1);
    const two = await catalog.createWork(first, 12);
    await catalog.createWork(second, 1);
    expect(one.name).toMatch(/^t1-[a-z]{6}$/);
    expect(one.path).toBe(join(root, 'work', first, one.name));
    expect((await stat(one.path)).mode & 0o777).toBe(0o700);
    expect(catalog.workDir(first, two.name)).toEqual(two);
    const works = await catalog.listWork();
    expect(works.map(({ backupId, start }) => [backupId, start])).toEqual([[first, 1], [first, 12], [second, 1]]);
    expect(works[0]?.changedMs).toBeGreaterThan(0);
    await writeFile(join(one.path, 'shard-0001.records'), 'x');
    await catalog.removeWork(first);
    await catalog.removeWork(first);
    expect((await catalog.listWork()).map(({ backupId }) => backupId)).toEqual([second]);
    expect(await treeOf(join(root, 'work'))).toHaveLength(2);
  });

  it('refuses names it did not make', async () => {
    const { catalog } = await openSite();
    expect(() => catalog.workDir(backupIdOf(1), '../x')).toThrow(expect.objectContaining({ code: 'WORK_BAD_NAME' }));
  });
});
