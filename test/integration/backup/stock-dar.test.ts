import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeSampleTree } from '../../../deploy/quickstart/sample-tree.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { run } from '../../../shared/process/index.js';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { testSite, type TestSite } from '../../helpers/site.js';

/** What a rescue system has: nothing of ours, no node. */
const STOCK_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

async function restoreWithKit(site: TestSite, lts: string, env: Record<string, string> = {}): Promise<void> {
  for (const manifest of await site.manifests()) {
    const target = join(site.dir, 'restore', `kit-${manifest.basepathId}`);
    const kit = join(lts, 'restore-kit', 'bw-restore.sh');
    const backup = join(lts, manifest.basepathId, manifest.backupId);
    const done = await run({ program: '/bin/sh', args: [kit, backup, target], env: { PATH: STOCK_PATH, ...env } }, { okCodes: [0, 1, 5] });
    expect({ code: done.status.code, said: done.stdout.toString('latin1') + done.stderr }).toMatchObject({ code: 0 });
    const compared = await compareTrees({ left: fromPathJson(manifest.source.path), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
    expect(compared.compared.entries).toBe(manifest.counts.records);
  }
}

describe('a backup restored with the kit in LTS: dar and a shell, nothing of ours', () => {
  it('gives awkward trees back identical', async () => {
    const site = await testSite({ settings: { shards: { maxFiles: 50 }, dar: { sliceSize: '1MiB' }, limits: { allowEmpty: true } } });
    await makeSampleTree(site.topdir);
    await mkdir(join(site.topdir, 'empty'), { mode: 0o750 });
    const ended = await site.backUp();
    expect(ended.filter(({ state }) => state !== 'completed')).toEqual([]);
    await drainCleanupAndKits(site.worker.context.queues, 'here');
    await restoreWithKit(site, join(site.dir, 'lts'));
  });

  it('encrypted and compressed, from the second of two LTS, with the passphrase in a file', async () => {
    const site = await testSite({
      prepare: async (dir) => {
        await writeFile(join(dir, 'key'), 'correct horse battery\n', { mode: 0o600 });
        await mkdir(join(dir, 'lts2'), { mode: 0o700 });
        return {
          dar: { sliceSize: '1MiB', compression: 'zstd:1', encryption: { keyFile: join(dir, 'key'), cipher: 'aes256', keyId: 'k1' } },
          lts: [
            { name: 'one', backend: 'posix', dir: join(dir, 'lts') },
            { name: 'two', backend: 'posix', dir: join(dir, 'lts2') },
          ],
        };
      },
    });
    await mkdir(join(site.topdir, 'carol'));
    await writeFile(join(site.topdir, 'carol', 'letter'), 'secret words '.repeat(200_000));
    const [ended] = await site.backUp();
    expect(ended).toMatchObject({ state: 'completed', reason: null });
    const [manifest] = await site.manifests();
    expect(manifest?.archives.map(({ keyId }) => keyId)).toEqual(['k1', 'k1']);
    expect(Number(manifest?.counts.archiveBytes)).toBeLessThan(200_000); // 2.6 MB of text; encryption pads each archive to some 50 kB
    await drainCleanupAndKits(site.worker.context.queues, 'here');
    await restoreWithKit(site, join(site.dir, 'lts2'), { BW_KEY_FILE: join(site.dir, 'key') });
  });
});
