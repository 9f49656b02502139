import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareTrees } from '../../shared/compare/index.js';
import { testSite } from '../helpers/site.js';
import { bytes, restore, resultOf } from '../integration/bad-input/restoring.js';

describe('archives that are extracted at the same time', () => {
  it('into directories they share: every file of each is restored', async () => {
    const site = await testSite({ settings: { shards: { maxFiles: 150 }, worker: { slots: 4 } } });
    const root = join(site.topdir, 'alice');
    // Names that a list cannot carry go to shards of their own: each directory is in several archives.
    for (let dir = 0; dir < 200; dir++) {
      await mkdir(join(root, `dir-${dir}`), { recursive: true });
      for (const name of ['plain', 'new\nline', 'carriage return\r']) await writeFile(join(root, `dir-${dir}`, name), `content ${dir}`);
    }
    await site.backUp();
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    expect(manifest.archives.length).toBeGreaterThan(4);
    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean', problems: [] });
    expect((await compareTrees({ left: bytes(root), right: bytes(restored.target), content: 'hash' })).differences).toEqual([]);
  });
});
