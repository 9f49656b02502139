import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSiteCatalog } from '../../../shared/catalog/open-site-catalog.js';
import { adoptMissing } from '../../../shared/recovery/adopt-missing.js';
import { restore } from '../../helpers/restore.js';
import { testSite } from '../../helpers/site.js';

describe('adoptMissing', () => {
  it('seals again, file for file, what only long-term storage has, and leaves the rest alone', async () => {
    const site = await testSite();
    for (const user of ['fay', 'gus']) {
      await mkdir(join(site.topdir, user));
      await writeFile(join(site.topdir, user, 'file'), user);
    }
    await site.backUp();
    const before = await site.manifests();
    const [lost] = before;
    if (lost === undefined) return expect.unreachable();
    await rm(join(site.dir, 'catalog', 'backups', lost.basepathId), { recursive: true });
    expect(await site.manifests()).toHaveLength(1);

    const report = await adoptMissing(site.catalog, site.worker.context.backends);
    expect(report).toEqual({ adopted: [lost.backupId], problems: [] });
    expect(await site.manifests()).toEqual(before);
    expect(await site.catalog.checkBackup(lost)).toEqual([]);
    expect(await adoptMissing(site.catalog, site.worker.context.backends)).toEqual({ adopted: [], problems: [] });
    const target = join(site.dir, 'restore', 'adopted');
    expect(await restore(site, lost, { target })).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean' } });
  });

  it('names a manifest it cannot use and goes on with the others', async () => {
    const site = await testSite();
    for (const user of ['fay', 'gus']) {
      await mkdir(join(site.topdir, user));
      await writeFile(join(site.topdir, user, 'file'), user);
    }
    await site.backUp();
    const [first, second] = await site.manifests();
    if (first === undefined || second === undefined) return expect.unreachable();
    await rm(join(site.dir, 'catalog', 'backups'), { recursive: true });
    await mkdir(join(site.dir, 'catalog', 'backups'), { mode: 0o700 });
    await writeFile(join(site.dir, 'lts', first.basepathId, first.backupId, 'manifest.json'), '{"format":"something else","version":1}');
    const report = await adoptMissing(site.catalog, site.worker.context.backends);
    expect(report.adopted).toEqual([second.backupId]);
    expect(report.problems.map(({ code }) => code)).toEqual(['MANIFEST_FOREIGN']);
  });
});

describe('openSiteCatalog', () => {
  it('makes a catalog the first time and never again: an empty directory then is a missing mount', async () => {
    const site = await testSite();
    const config = { catalog: { dir: join(site.dir, 'catalog') }, state: site.config.state };
    await openSiteCatalog(config);
    await rm(config.catalog.dir, { recursive: true });
    await mkdir(config.catalog.dir);
    await expect(openSiteCatalog(config)).rejects.toMatchObject({ code: 'CATALOG_MISSING', retry: 'operator' });
  });
});
