import { randomBytes } from 'node:crypto';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readLiveState } from '../../producer/cli/live-state.js';
import { RedisBreakers } from '../../shared/breaker/breaker-store.js';
import { DeadLetters } from '../../shared/dead-letters/dead-letters.js';
import { needsRoot } from '../helpers/needs.js';
import type { TestSite } from '../helpers/site.js';
import { hookDar } from '../integration/bad-input/dar-hooks.js';
import { growTmpfs, mountTmpfs } from '../integration/bad-input/mounts.js';
import { statusOf } from '../integration/bad-input/site-state.js';
import { until } from '../integration/bad-input/until.js';
import { faultTest } from './frame/fault-test.js';

const MIB = 1024 * 1024;

const smallStaging = {
  // xz: a dar that writes 10 MiB between two looks at staging (33 ms on tmpfs) finds it full, which is a limit of its own.
  settings: { dar: { sliceSize: '1MiB', compression: 'xz:6' }, shards: { maxFiles: 1_000 } },
  prepare: async (dir: string) => {
    await mountTmpfs(join(dir, 'small'), '30m');
    // Room as planned, until somebody else fills the filesystem.
    await writeFile(join(dir, 'small', 'of-another-user'), Buffer.alloc(20 * MIB));
    return { staging: { dir: join(dir, 'small'), budget: '28MiB' } };
  },
};
faultTest({ fault: 'no space', state: 'staging', name: 'staging is full: backups wait while others fill it, and seal when there is room again', site: smallStaging, needs: needsRoot }, async (site) => {
  await writeBigBasepath(site, 2);
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
  return { sealed: { alice: 1 } };
});

const roomyStaging = {
  settings: { dar: { sliceSize: '1MiB' }, shards: { maxFiles: 1_000 } },
  prepare: async (dir: string) => {
    await mountTmpfs(join(dir, 'small'), '30m');
    return { staging: { dir: join(dir, 'small'), budget: '28MiB' } };
  },
};
faultTest({ fault: 'no space', state: 'dar', name: 'dar finds staging full: the shard waits without spending an attempt, and the backup seals when there is room again', site: roomyStaging, needs: needsRoot }, async (site) => {
  await writeBigBasepath(site, 1);
  const filler = join(site.dir, 'small', 'of-another-user');
  // Whoever looks at staging in time has dar stopped before it finds it full. This one is faster than that: continued whenever it was stopped.
  const neverStopped = `env -i PATH="$PATH" sh -c 'while kill -CONT $1; do sleep 0.02; done' - $$ >/dev/null 2>&1 &`; // without the marks of a program of this start
  await hookDar(site.dir, { before: `${neverStopped}\ndd if=/dev/zero of='${filler}' bs=64k 2>/dev/null || true` });
  const { queues } = site.worker.context;
  const store = new RedisBreakers(queues.redis);
  const backingUp = site.backUp();
  await until('the shard waits', async () => ((await store.countParked(STAGING)) > 0 ? true : null));
  expect(await store.all()).toMatchObject([{ ...STAGING, forAll: false, hosts: ['here'] }]);
  await rm(filler);
  expect(await backingUp).toMatchObject([{ state: 'completed', reason: null }]);
  expect((await queues.backup.getCompleted()).map(({ attemptsMade }) => attemptsMade)).toEqual([1, 1]);
  return { sealed: { alice: 1 } };
});

const STAGING = { kind: 'staging', name: 'here' } as const;

const smallLts = {
  settings: { dar: { sliceSize: '8MiB' } },
  prepare: async (dir: string) => {
    await mountTmpfs(join(dir, 'small'), '20m');
    return { lts: [{ name: 'lts', backend: 'posix', dir: join(dir, 'small') }] };
  },
};
faultTest({ fault: 'no space', state: 'LTS', name: 'long-term storage is full: jobs wait without spending an attempt, one alarm; with more space the backup seals', site: smallLts, needs: needsRoot }, async (site) => {
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
  expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok', lastError: null });
  return { sealed: { alice: 1 } };
});

const LTS = { kind: 'lts', name: 'lts' } as const;

const smallCatalog = {
  prepare: async (dir: string) => {
    await mountTmpfs(join(dir, 'small'), '8m');
    await mkdir(join(dir, 'small', 'catalog'), { mode: 0o700 });
    return { catalog: { dir: join(dir, 'small', 'catalog') } };
  },
};
faultTest({ fault: 'no space', state: 'catalog', name: 'the catalog is full while dar writes: the backup waits without spending an attempt, and seals when there is room again', site: smallCatalog, needs: needsRoot }, async (site) => {
  await mkdir(join(site.topdir, 'alice'));
  for (let i = 0; i < 20; i++) await writeFile(join(site.topdir, 'alice', `file-${i}`), `content ${i}`);
  const filler = join(site.dir, 'small', 'of-another-user');
  await hookDar(site.dir, { before: `[ -e '${site.dir}/filled' ] || { : > '${site.dir}/filled'; dd if=/dev/zero of='${filler}' bs=64k 2>/dev/null || true; }` });
  const { queues } = site.worker.context;
  const backingUp = site.backUp();
  await until('the backup waits', async () => ((await new RedisBreakers(queues.redis).countParked(CATALOG)) > 0 ? true : null));
  expect(await site.manifests()).toEqual([]);
  await rm(filler);
  expect(await backingUp).toMatchObject([{ state: 'completed', reason: null }]);
  expect((await queues.backup.getCompleted()).map(({ attemptsMade }) => attemptsMade)).toEqual([1, 1]);
  expect((await statusOf(site)).get('alice')).toMatchObject({ state: 'ok', lastError: null });
  return { sealed: { alice: 1 } };
});

const CATALOG = { kind: 'catalog', name: 'catalog' } as const;

/** Files of 10 MiB that no compression makes smaller. */
async function writeBigBasepath(site: TestSite, files = 6): Promise<void> {
  await mkdir(join(site.topdir, 'alice'));
  for (let i = 0; i < files; i++) await writeFile(join(site.topdir, 'alice', `random-${i}`), randomBytes(10 * MIB));
}
