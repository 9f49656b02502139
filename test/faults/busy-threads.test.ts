import { pbkdf2 } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readIndex } from '../../shared/index/find-in-index.js';
import { testSite } from '../helpers/site.js';

describe('a worker whose every file operation is slow', () => {
  it('seals an index that is complete', async () => {
    const site = await testSite();
    for (const name of ['alice', 'bob', 'carol']) {
      await mkdir(join(site.topdir, name));
      for (let i = 0; i < 20; i++) await writeFile(join(site.topdir, name, `file-${i}`), `content ${i}`);
    }
    keepThreadsBusy();
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
    for (const manifest of await site.manifests()) {
      let records = 0;
      for await (const batch of readIndex(site.catalog.file(manifest, manifest.index))) records += batch.length;
      expect(records).toBe(21);
    }
  });
});

/** Keeps libuv's four threads working and a few tasks queued before any file operation, until the test ends: as on a filesystem under load. */
function keepThreadsBusy(): void {
  let ended = false;
  onTestFinished(() => { ended = true; });
  const work = async (): Promise<void> => {
    while (!ended) await promisify(pbkdf2)('secret', 'salt', 10_000, 64, 'sha512');
  };
  for (let i = 0; i < 6; i++) void work();
}
