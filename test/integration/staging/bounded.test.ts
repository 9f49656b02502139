import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testSite, type TestSite } from '../../helpers/site.js';
import { watchPeak } from './peak-of.js';

const MIB = 1024 * 1024;

describe('a backup ten times as large as the budget', () => {
  it('completes within it, however slow its transfer is', async () => {
    const site = await testSite({ settings: { ...SMALL, staging: undefined }, prepare: (dir) => Promise.resolve({ staging: { dir: join(dir, 'staging'), budget: '2MiB' }, lts: [{ name: 'lts', backend: 'posix', dir: join(dir, 'lts'), bandwidth: '8MiB/s' }] }) });
    await writeRandom(site, 'alice', 20);
    const peak = watchPeak(site.config.staging.dir);
    const t = performance.now();
    const ended = await site.backUp();
    console.log(ended, await peak() / MIB, performance.now() - t, await site.worker.context.staging.account.state());
    expect(ended).toMatchObject([{ state: 'completed' }]);
  });
});

const SMALL = { dar: { sliceSize: '256KiB', compression: 'xz:1', storeOnly: [] }, shards: { maxFiles: 100 } };

async function writeRandom(site: TestSite, name: string, mib: number): Promise<void> {
  await mkdir(join(site.topdir, name));
  for (let i = 0; i < mib; i++) await writeFile(join(site.topdir, name, `random-${i}`), randomBytes(MIB));
}
