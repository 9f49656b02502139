import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyRecord, encodeCopyRecord, openCatalog, type CopyRecord } from '../../../shared/catalog/index.js';
import { partsOf } from '../../../shared/copies/copy-state.js';
import { recordObject } from '../../../shared/copies/named.js';
import { adoptMissing } from '../../../shared/recovery/adopt-missing.js';
import type { StoredObject } from '../../../shared/transfer/backend.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { createPosixBackend } from '../../../shared/transfer/posix/posix-backend.js';
import { workspace } from '../../helpers/workspace.js';
import { BASEPATH, sampleRequest } from '../../unit/shared/catalog/sample-backup.js';

const hours = (hour: number): string => new Date(Date.UTC(2026, 0, 2, hour)).toISOString();

it('takes the records of a copy oldest first, in whatever order an LTS lists them, and none before one that cannot be read is mended', async () => {
  const dir = await workspace();
  const request = await sampleRequest(join(dir, 'made'));
  const { backupId } = request.manifest;
  const prefix = `${BASEPATH}/${backupId}`;
  // A copy that was put on record in three steps.
  const records = partsOf(request.manifest).slice(0, 3).map(({ name, bytes }, step): CopyRecord =>
    copyRecord({ backupId, lts: 'two', at: hours(step), locations: { [name]: { object: `${prefix}/${name}`, offset: 0, length: bytes } } }));
  await mkdir(join(dir, 'two', prefix), { recursive: true });
  for (const record of records) {
    const bytes = encodeCopyRecord(record);
    await writeFile(join(dir, 'two', recordObject(prefix, createHash('sha512').update(bytes).digest('hex'))), bytes);
  }
  const newestFirst: string[] = records.map((record) => recordObject(prefix, createHash('sha512').update(encodeCopyRecord(record)).digest('hex'))).reverse();
  const posix = createPosixBackend({ name: 'two', dir: join(dir, 'two'), bandwidth: { read: createLimiter(null), write: createLimiter(null) } });
  async function* list(): AsyncGenerator<StoredObject> {
    for (const object of newestFirst) {
      const there = await posix.stat(object);
      if (there !== null) yield there;
    }
  }
  const two = new Proxy(posix, {
    get(backend, name) {
      const value: unknown = Reflect.get(backend, name, backend);
      if (name === 'list') return list;
      return typeof value === 'function' ? (value.bind(backend) as unknown) : value;
    },
  });
  const catalog = await openCatalog(join(dir, 'catalog'));
  await catalog.seal(request);

  const foreign = join(dir, 'two', recordObject(prefix, 'ab'.repeat(64)));
  await writeFile(foreign, 'damaged');
  newestFirst.push(`${prefix}/${foreign.slice(foreign.lastIndexOf('/') + 1)}`);
  expect((await adoptMissing(catalog, [two])).problems).toMatchObject([{ code: 'RESTORE_OBJECT_CORRUPT' }]);
  expect(await catalog.copyRecords(BASEPATH, backupId)).toEqual([]);
  await rm(foreign);
  for (let time = 0; time < 2; time++) {
    expect(await adoptMissing(catalog, [two])).toEqual({ adopted: [], problems: [] });
    expect(await catalog.copyRecords(BASEPATH, backupId)).toEqual(records);
  }
  expect(await readdir(join(dir, 'catalog', 'work'))).toEqual([]);
});
