import { randomBytes } from 'node:crypto';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readLiveState } from '../../../producer/cli/live-state.js';
import { RedisBreakers } from '../../../shared/breaker/breaker-store.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { needsRoot } from '../../helpers/needs.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { statusOf } from './site-state.js';
import { expectSwept } from './leftovers.js';
import { growTmpfs, mountTmpfs } from './mounts.js';
import { bytes, restore, resultOf } from './restoring.js';
import { until } from './until.js';

const MIB = 1024 * 1024;

describe('a filesystem that is too small', () => {
  beforeEach(needsRoot);

  it('staging: backups wait while others fill it, and seal when there is room again', async () => {
    const site = await testSite({
      settings: { dar: { sliceSize: '1MiB' }, shards: { maxFiles: 1_000 } },
      prepare: async (dir) => {
        await mountTmpfs(join(dir, 'small'), '30m');
        // Room as planned, until somebody else fills the filesystem.
        await writeFile(join(dir, 'small', 'of-another-user'), Buffer.alloc(20 * MIB));
        return { staging: { dir: join(dir, 'small'), budget: '28MiB' } };
      },
    });
    await writeBigBasepath(site);
    // Long-term storage that takes nothing for now: whatever dar writes stays in staging.
    const { queues, staging } = site.worker.context;
    await queues.transfer('here').pause();
    const backingUp = site.backUp();
    await until('dar waits for staging', async () => ((await staging.account.state()).pausedDars > 0 ? true : null));
    const { bavail, bsize } = await statfs(join(site.dir, 'small'));
    expect(bavail * bsize).toBeGreaterThan(0);
    await rm(join(site.dir, 'small', 'of-another-user'));
    await queues.transfer('here').resume();
    expect(await backingUp).toMatchObject([{ state: 'completed', reason: null }]);
    await expectSwept(site);
  });

  it('long-term storage: jobs wait without spending an attempt, one alarm; with more space the backup seals', async () => {
    const site = await testSite({
      settings: { dar: { sliceSize: '8MiB' } },
      prepare: async (dir) => {
        await mountTmpfs(join(dir, 'small'), '20m');
        return { lts: [{ name: 'lts', backend: 'posix', dir: join(dir, 'small') }] };
      },
    });
    await writeBigBasepath(site);
    const { queues, runs } = site.worker.context;
    const store = new RedisBreakers(queues.redis);
    const backingUp = site.backUp();
    const parked = await until('a transfer waits', async () => ((await store.countParked(LTS)) > 0 ? queues.transfer('here').getJobs(['delayed', 'active']) : null));
    expect(await store.all()).toMatchObject([{ ...LTS, forAll: true, cause: { code: 'TRANSFER_NO_SPACE', host: 'here' } }]);
    expect((await readLiveState(site.config)).outages).toMatchObject([{ ...LTS, hosts: null, code: 'TRANSFER_NO_SPACE', hint: expect.stringMatching(/^Make room/) as unknown }]);
    expect(parked.map(({ attemptsMade }) => attemptsMade)).toEqual(parked.map(() => 0));
    expect((await runs.running()).map(({ phase }) => phase)).toEqual(['saving']);
    await growTmpfs(join(site.dir, 'small'), '200m');

    expect(await backingUp).toMatchObject([{ state: 'completed', reason: null }]);
    const jobs = [...(await queues.transfer('here').getCompleted()), ...(await queues.backup.getCompleted())];
    expect(jobs.map(({ attemptsMade }) => attemptsMade)).toEqual(jobs.map(() => 1));
    expect(await new DeadLetters(queues).all()).toEqual([]);
    expect(await store.countParked(LTS)).toBe(0);
    await expectSealed(site);
  });
});

const LTS = { kind: 'lts', name: 'lts' } as const;

/** 60 MiB that no compression makes smaller. */
async function writeBigBasepath(site: TestSite): Promise<void> {
  await mkdir(join(site.topdir, 'alice'));
  for (let i = 0; i < 6; i++) await writeFile(join(site.topdir, 'alice', `random-${i}`), randomBytes(10 * MIB));
}

async function expectSealed(site: TestSite): Promise<void> {
  const [manifest] = await site.manifests();
  if (manifest === undefined) return expect.unreachable();
  expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok', lastError: null });
  await expectSwept(site);
  const restored = await restore(site, manifest);
  expect(resultOf(restored)).toMatchObject({ outcome: 'clean' });
  const compared = await compareTrees({ left: bytes(join(site.topdir, 'alice')), right: bytes(restored.target), content: 'hash' });
  expect(compared.differences).toEqual([]);
}
