import { lstat, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransferBackend } from '../../../../shared/transfer/backend.js';
import { posixLts } from '../../../helpers/posix-lts.js';
import { materialise, sendItems } from '../../../../shared/transfer/engine.js';
import { TapeBackend } from '../../../conformance/tape-backend.js';
import { sampleBytes, sampleItem } from '../../../conformance/sample-items.js';
import { workspace } from '../../../helpers/workspace.js';

async function stored(backend: TransferBackend) {
  const dir = await workspace();
  const sent = [await sampleItem(dir, 'bp/b1/x.1.dar', sampleBytes(2000)), await sampleItem(dir, 'bp/b1/x.2.dar', sampleBytes(10))];
  await sendItems({ backend, items: sent, key: 'k', sleep: () => Promise.resolve() });
  const items = sent.map(({ object, bytes, sha512 }, i) => ({ object, bytes, sha512, name: `x.${i + 1}.dar` }));
  return { backend, items, dir: await workspace() };
}

describe('materialise', () => {
  it('links objects that can be read in place, moving no bytes', async () => {
    const { backend, items, dir } = await stored(posixLts(await workspace(), 'd'));
    const files = await materialise({ backend, items, dir });
    expect(files).toEqual([join(dir, 'x.1.dar'), join(dir, 'x.2.dar')]);
    expect(await readlink(files[0] ?? '')).toBe(backend.localPath('bp/b1/x.1.dar'));
    expect((await readFile(files[0] ?? '')).equals(sampleBytes(2000))).toBe(true);
  });

  it('fetches from other storages, and orders the recall of what is not there', async () => {
    const backend = new TapeBackend();
    const { items, dir } = await stored(backend);
    backend.toTape(['bp/b1/x.2.dar']);
    await expect(materialise({ backend, items, dir })).rejects.toMatchObject({ code: 'RESTORE_NOT_RECALLED', retry: 'retry' });
    expect([backend.orders, await readdir(dir)]).toEqual([[['bp/b1/x.2.dar']], []]);
    backend.deliver();
    const files = await materialise({ backend, items, dir });
    expect((await lstat(files[1] ?? '')).isFile()).toBe(true);
    expect((await readFile(files[1] ?? '')).equals(sampleBytes(10))).toBe(true);
    expect(backend.orders.length).toBe(1);
  });

  it('refuses a damaged and a missing object, and makes no name for it', async () => {
    const { backend, items, dir } = await stored(posixLts(await workspace(), 'd'));
    await writeFile(backend.localPath('bp/b1/x.1.dar') ?? '', sampleBytes(2000, 5));
    await expect(materialise({ backend, items, dir })).rejects.toMatchObject({ code: 'RESTORE_OBJECT_CORRUPT', retry: 'permanent', subject: 'bp/b1/x.1.dar' });
    await backend.remove(['bp/b1/x.1.dar']);
    await expect(materialise({ backend, items, dir })).rejects.toMatchObject({ code: 'RESTORE_OBJECT_MISSING' });
    expect(await readdir(dir)).toEqual([]);
  });
});
