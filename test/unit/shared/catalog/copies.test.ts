import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyRecord, openCatalog, withCopies, type Catalog, type CopyRecord, type Manifest } from '../../../../shared/catalog/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { sampleRequest } from './sample-backup.js';

async function sealed(): Promise<{ dir: string; catalog: Catalog; manifest: Manifest }> {
  const root = await workspace();
  const catalog = await openCatalog(join(root, 'catalog'));
  const request = await sampleRequest(join(root, 'work'));
  await catalog.seal(request);
  const { manifest } = request;
  return { dir: join(root, 'catalog', 'backups', manifest.basepathId, manifest.backupId), catalog, manifest };
}

function record(manifest: Manifest, lts: string, object: string | null): CopyRecord {
  const location = object === null ? null : { object, offset: 0, length: 1 };
  return copyRecord({ backupId: manifest.backupId, lts, at: '2026-01-02T00:00:00.000Z', locations: { [manifest.index.name]: location } });
}

it('records of copies are merged into the manifest by every reader; the later one counts, the manifest as sealed stays', async () => {
  const { catalog, manifest, dir } = await sealed();
  const { basepathId, backupId } = manifest;
  const asSealed = await catalog.manifestBytes(basepathId, backupId);
  await catalog.addCopyRecord(basepathId, record(manifest, 'site2', 'a/first'));
  await catalog.addCopyRecord(basepathId, record(manifest, 'site2', 'a/second'));
  await catalog.addCopyRecord(basepathId, record(manifest, 'tape', null));
  const read = await catalog.readManifest(basepathId, backupId);
  expect(read.index.locations).toEqual({ site2: { object: 'a/second', offset: 0, length: 1 } });
  expect(read.logs).toEqual(manifest.logs);
  expect((await catalog.backupsOf(basepathId, () => undefined)).get(backupId)).toEqual(read);
  expect(await catalog.readBuried(basepathId, backupId)).toEqual(read);
  expect(await catalog.manifestBytes(basepathId, backupId)).toEqual(asSealed);
  expect(await catalog.checkBackup(read)).toEqual([]);
  await catalog.sweepBackup(basepathId, backupId);
  expect((await readdir(dir)).filter((name) => name.startsWith('copies.')).sort()).toEqual(['copies.1.json', 'copies.2.json', 'copies.3.json']);
  await catalog.addCopyRecord(basepathId, record(manifest, 'site2', 'a/first'));
  expect(await catalog.copyRecords(basepathId, backupId)).toHaveLength(3);
});

it('of many writers at once each record is kept, under a number of its own', async () => {
  const { catalog, manifest } = await sealed();
  await Promise.all(Array.from({ length: 8 }, (_, i) => catalog.addCopyRecord(manifest.basepathId, record(manifest, `site${i}`, `a/${i}`))));
  const read = await catalog.readManifest(manifest.basepathId, manifest.backupId);
  expect(Object.keys(read.index.locations).sort()).toEqual([...Array.from({ length: 8 }, (_, i) => `site${i}`), 'tape']);
});

it('one that cannot be read makes the backup unusable: what nobody names would be swept', async () => {
  const { catalog, manifest, dir } = await sealed();
  await writeFile(join(dir, 'copies.1.json'), '{');
  await expect(catalog.readManifest(manifest.basepathId, manifest.backupId)).rejects.toMatchObject({ code: 'MANIFEST_DAMAGED' });
});

it('a name that any object inherits is no name of a part', () => {
  expect(withCopies({ index: { name: 'toString', locations: {} }, exceptions: null, logs: [], archives: [] } as unknown as Manifest, [copyRecord({ backupId: '01JQZX3K5V8W9Y2A4B6C7D8E9F', lts: 'x', at: '2026-01-02T00:00:00.000Z', locations: {} })]).index.locations).toEqual({});
});
