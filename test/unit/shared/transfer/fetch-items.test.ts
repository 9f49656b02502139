import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TransferBackend } from '../../../../shared/transfer/backend.js';
import { fetchItems } from '../../../../shared/transfer/fetch-items.js';
import { workspace } from '../../../helpers/workspace.js';

/** A backend that cannot read parts; `onFetched` is called when the bundle has come. */
function whole(bytes: Buffer, onFetched: () => void = () => undefined): TransferBackend {
  const backend: Partial<TransferBackend> = {
    capabilities: () => ({ async: true, thirdParty: true, remoteHash: [], rangeResume: false, bandwidthLimit: false, cancel: true, staging: false, directRead: false }),
    stat: (object) => Promise.resolve({ object, bytes: bytes.length }),
    fetch: async ({ file }) => {
      await writeFile(file, bytes, { flag: 'wx' });
      onFetched();
    },
  };
  return backend as TransferBackend;
}

it('an abort while a bundle is cut is one: it spends no attempt, and leaves nothing', async () => {
  const dir = await workspace();
  const stop = new AbortController();
  const backend = whole(Buffer.alloc(4096), () => { stop.abort(); });
  const item = { object: 'bundles/b.tar', file: join(dir, 'a'), bytes: 100, sha512: 'x', offset: 512 };
  await expect(fetchItems(backend, [item], { signal: stop.signal })).rejects.toMatchObject({ code: 'TRANSFER_ABORTED' });
  expect(await readdir(dir)).toEqual([]);
});

it('what staging refuses while a bundle is cut is said of staging', async () => {
  const dir = await workspace();
  await writeFile(join(dir, 'a'), 'there');
  const item = { object: 'bundles/b.tar', file: join(dir, 'a'), bytes: 100, sha512: 'x', offset: 512 };
  await expect(fetchItems(whole(Buffer.alloc(4096)), [item])).rejects.toMatchObject({ code: 'STAGING_IO', subject: item.file });
  expect(await readdir(dir)).toEqual(['a']);
});
