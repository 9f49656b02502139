import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { QueueTiming } from '../../../shared/queues/options.js';
import { startRedisServer, type RedisServer } from '../../helpers/redis-server.js';
import type { TestSite } from '../../helpers/site.js';
import { filesBelow } from '../../integration/bad-input/leftovers.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { faultTest } from '../frame/fault-test.js';
import { processesOf, untilNothingRuns } from '../worker-process.js';
import { enqueue, LONG_LOCKS, LONGER_LOCKS, saveDuring, siteOnRedis, SLOW_DAR, spentAttempts, startsSealed } from './redis-site.js';

const OUTAGE_MS = 2_000;

const OUTAGES: readonly { readonly fault: string; readonly begins: (server: RedisServer) => Promise<void> | void; readonly ends: (server: RedisServer) => Promise<void> | void }[] = [
  { fault: 'Redis killed and started again', begins: (server) => server.kill(), ends: (server) => server.start() },
  { fault: 'Redis full', begins: (server) => setting(server, '1'), ends: (server) => setting(server, '0') },
  { fault: 'Redis frozen', begins: (server) => { server.freeze(); }, ends: (server) => { server.thaw(); } },
];

for (const { fault, begins, ends } of OUTAGES) {
  faultTest({ fault, state: 'shard: dar running, for less than a lock', site: () => siteOn(LONG_LOCKS) }, async (site) => {
    const server = serverOf(site);
    const jobs = await saveDuring(site, () => begins(server));
    await sleep(OUTAGE_MS);
    await ends(server);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    expect(await spentAttempts(site)).toEqual([]);
    expect(await startsSealed(site)).toEqual(['t1']);
    return { sealed: { alice: 1 } };
  });
}

faultTest({ fault: 'Redis away for longer than a lock', state: 'shard: dar in the middle of its work', site: () => siteOn(LONGER_LOCKS, SLOW_DAR) }, async (site) => {
  const server = serverOf(site);
  const dar = await stopDarAt(site.dir, { slice: 2, sliceBytes: 1024 * 1024, bytes: 200_000 });
  const jobs = await enqueue(site);
  await dar.stands();
  await server.kill();
  const since = performance.now();
  expect(await processesOf(site.config.staging.dir)).not.toEqual([]);
  await untilNothingRuns(site.config.staging.dir);
  expect(performance.now() - since).toBeLessThan(LONGER_LOCKS.lockDurationMs);
  expect((await filesBelow(site.config.staging.dir)).filter((file) => /\.s0001-t1-.*\.2\.dar$/.test(file))).toHaveLength(1);
  await sleep(Math.max(0, LONGER_LOCKS.lockDurationMs + 200 - (performance.now() - since)));
  await server.start();
  expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
  const done = await site.worker.context.queues.backup.getJobs(['completed']);
  expect(done.filter(({ stalledCounter }) => stalledCounter > 0)).toEqual([]); // nobody died
  expect(await startsSealed(site)).toEqual(['t1', 't2']); // what dar closed in time is taken over
  return { sealed: { alice: 1 } };
});

const servers = new WeakMap<TestSite, RedisServer>();

function serverOf(site: TestSite): RedisServer {
  const server = servers.get(site);
  if (server === undefined) throw new Error('a site without a server of its own');
  return server;
}

async function siteOn(timing: QueueTiming, dar?: object): Promise<TestSite> {
  const made: RedisServer[] = [];
  const site = await siteOnRedis(timing, async (dir) => {
    const server = await startRedisServer(dir);
    made.push(server);
    return server.url;
  }, dar);
  if (made[0] !== undefined) servers.set(site, made[0]);
  return site;
}

/** Bytes Redis may take: 0 is no limit. */
async function setting({ redis }: RedisServer, maxmemory: string): Promise<void> {
  await redis.config('SET', 'maxmemory', maxmemory);
}
