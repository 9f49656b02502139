import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { compareTrees } from '../../../shared/compare/index.js';
import { testSite, type SiteOptions, type TestSite } from '../../helpers/site.js';
import { expectSwept } from '../bad-input/leftovers.js';
import { bytes, restore, resultOf } from '../bad-input/restoring.js';
import { until } from '../bad-input/until.js';
import { watchPeak } from './watch-peak.js';

const MIB = 1024 * 1024;
const BUDGET = 1.5 * MIB;
/** Bytes per ms of all dars together, with bzip2: 8 MB/s and processor. */
const SPEED = 16_000;

describe('backups that are ten times as large as the budget they share', () => {
  it('complete within it, also when the transfer stalls for a while and is slow', async () => {
    const site = await testSite(small({ slots: 3, bandwidth: '20MiB/s' }));
    const { account } = site.worker.context.staging;
    await writeRandom(site, 'alice', 9);
    await writeRandom(site, 'bob', 6);
    await writeRandom(site, 'carol', 1, 300_000);
    await writeRandom(site, 'dave', 200, 900);
    const peak = watchPeak(site.config.staging.dir);
    const late = monitorEventLoopDelay({ resolution: 5 });
    late.enable();
    const transfers = site.worker.context.queues.transfer('here');
    await transfers.pause();
    const backingUp = site.backUp();
    await until('dars wait for staging', async () => ((await account.state()).pausedDars >= 2 ? true : null));
    await transfers.resume();
    expect((await backingUp).map(({ state, reason }) => `${state} ${reason ?? ''}`)).toEqual(Array(4).fill('completed '));
    // What dars write until somebody looks comes on top: far less than a slice in real life, many slices here, on a busy machine. 15 MiB were staged in all.
    // Late is who is called late, or who takes long to look: many calls, each of which waits for a thread.
    const { bytes: most, lookMs } = await peak();
    const lateMs = 50 + 2 * Math.max(late.max / 1_000_000, lookMs);
    expect(most).toBeLessThanOrEqual(BUDGET + lateMs * SPEED);
    expect((await account.state()).pausedMs).toBeGreaterThan(0);
    await expectSwept(site);
    const manifest = (await site.manifests()).find(({ basepathId }) => basepathId.startsWith('bob'));
    if (manifest === undefined) return expect.unreachable();
    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
    const { differences } = await compareTrees({ left: bytes(join(site.topdir, 'bob')), right: bytes(restored.target), content: 'hash' });
    expect(differences).toEqual([]);
  });

  it('give their slots to others when they wait too long, and go on from there', async () => {
    const site = await testSite(small({ slots: 1, maxPause: '100ms' }));
    await writeRandom(site, 'alice', 20); // dar takes seconds: it is stopped before its end, also where we stand still for a moment
    const transfers = site.worker.context.queues.transfer('here');
    await transfers.pause();
    const backingUp = site.backUp();
    const { queues, runs } = site.worker.context;
    // Of a dar that is stopped at the edge of a slice nothing may be left: then the shard begins again, and has to wait again.
    await until('the slot is free, and something is kept', async () => {
      const [shard] = (await queues.backup.getJobs(['delayed', 'prioritized', 'waiting'])).filter(({ name, attemptsStarted }) => name === 'shard' && attemptsStarted > 1);
      return shard === undefined ? null : runs.keptPart((shard.data as { backupId: string }).backupId, 1);
    });
    await transfers.resume();
    expect(await backingUp).toMatchObject([{ state: 'completed', reason: null }]);
    const [manifest] = await site.manifests();
    expect(manifest?.archives.filter(({ kind }) => kind === 'data').length).toBeGreaterThan(1);
    await expectSwept(site);
  });
});

function small({ slots, bandwidth, maxPause }: { slots: number; bandwidth?: string; maxPause?: string }): SiteOptions {
  return {
    // Compression keeps dar at a speed that a test can follow.
    settings: { dar: { sliceSize: '256KiB', compression: 'bzip2:1', storeOnly: [] }, shards: { maxFiles: 1_000 }, worker: { slots } },
    prepare: (dir) => Promise.resolve({
      staging: { dir: join(dir, 'staging'), budget: String(BUDGET), ...(maxPause === undefined ? {} : { maxPause }) },
      lts: [{ name: 'lts', backend: 'posix', dir: join(dir, 'lts'), ...(bandwidth === undefined ? {} : { bandwidth }) }],
    }),
  };
}

async function writeRandom(site: TestSite, name: string, files: number, size = MIB): Promise<void> {
  await mkdir(join(site.topdir, name));
  for (let i = 0; i < files; i++) await writeFile(join(site.topdir, name, `random-${i}`), randomBytes(size));
}
