import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readLiveState } from '../../../producer/cli/live-state.js';
import type { Resource } from '../../../shared/breaker/breaker.js';
import { RedisBreakers } from '../../../shared/breaker/breaker-store.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import type { TestSite } from '../../helpers/site.js';
import { filesBelow } from '../../integration/bad-input/leftovers.js';
import { until } from '../../integration/bad-input/until.js';
import { faultTest } from '../frame/fault-test.js';

const MIB = 1024 * 1024;

const twoStores = async (dir: string): Promise<Record<string, unknown>> => {
  await mkdir(join(dir, 'tape'), { mode: 0o700 });
  return { lts: ['lts', 'tape'].map((name) => ({ name, backend: 'posix', dir: join(dir, name) })), dar: { sliceSize: '1MiB' } };
};

faultTest({ fault: 'LTS not mounted', state: 'shard: slices wait to be sent', site: { prepare: twoStores } }, async (site) => {
  const { queues } = site.worker.context;
  await writeBasepath(site, 'alice', 3 * MIB);
  await queues.transfer('here').pause();
  const backingUp = site.backUp();
  await until('the shard is saved', async () => ((await queues.backup.getCompletedCount()) > 0 ? true : null));
  await rename(join(site.dir, 'tape'), join(site.dir, 'tape-away'));
  await queues.transfer('here').resume();
  const tape: Resource = { kind: 'lts', name: 'tape' };
  await untilParked(site, tape);
  // The other storage takes all of it meanwhile, and another basepath is saved as far as it goes.
  await until('all slices are in the other one', async () => ((await filesBelow(join(site.dir, 'lts'))).filter((file) => /\.\d+\.dar$/.test(file)).length >= 4 ? true : null));
  await writeBasepath(site, 'bob', 10);
  const second = site.backUp();
  await until('both wait', async () => ((await queues.transfer('here').getDelayedCount()) > 1 ? true : null));
  expect((await readLiveState(site.config)).outages).toMatchObject([{ ...tape, code: 'LTS_MISSING', hosts: ['here'] }]);
  await rename(join(site.dir, 'tape-away'), join(site.dir, 'tape'));
  await expectNothingSpent(site, [...(await backingUp), ...(await second)]);
  return { sealed: { alice: 1, bob: 1 } };
});

faultTest({ fault: 'source not mounted', state: 'backup: about to plan', site: { topdir: { sentinel: '.mounted' } } }, async (site) => {
  const { queues } = site.worker.context;
  await writeFile(join(site.topdir, '.mounted'), '');
  await writeBasepath(site, 'alice', MIB);
  await writeBasepath(site, 'bob', MIB);
  await queues.backup.pause();
  const reports = await site.producer.tick();
  await rename(site.topdir, join(site.dir, 'away'));
  await mkdir(site.topdir);
  await queues.backup.resume();
  const mount: Resource = { kind: 'mount', name: site.topdir };
  await untilParked(site, mount, 2);
  expect((await readLiveState(site.config)).outages).toMatchObject([{ ...mount, code: 'SOURCE_NOT_MOUNTED' }]);
  await rename(site.topdir, join(site.dir, 'mount-point'));
  await rename(join(site.dir, 'away'), site.topdir);
  await expectNothingSpent(site, await site.waitFor(reports.flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId))));
  return { sealed: { alice: 1, bob: 1 } };
});

async function writeBasepath(site: TestSite, name: string, bytes: number): Promise<void> {
  await mkdir(join(site.topdir, name));
  await writeFile(join(site.topdir, name, 'random'), randomBytes(bytes));
}

async function untilParked(site: TestSite, resource: Resource, jobs = 1): Promise<void> {
  const store = new RedisBreakers(site.worker.context.queues.redis);
  await until('jobs wait for the end of the outage', async () => ((await store.countParked(resource)) >= jobs ? true : null));
}

/** All sealed at their first attempt, no dead letter, and nobody waits any more. */
async function expectNothingSpent(site: TestSite, ended: readonly { readonly state: string; readonly reason: string | null }[]): Promise<void> {
  const { queues } = site.worker.context;
  expect(ended.map(({ state, reason }) => [state, reason])).toEqual(ended.map(() => ['completed', null]));
  const jobs = [...(await queues.backup.getCompleted()), ...(await queues.transfer('here').getCompleted())];
  expect(jobs.filter(({ attemptsMade }) => attemptsMade !== 1)).toEqual([]);
  expect(await new DeadLetters(queues).all()).toEqual([]);
  expect((await readLiveState(site.config)).outages).toEqual([]);
}
