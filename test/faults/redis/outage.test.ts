import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { QueueTiming } from '../../../shared/queues/options.js';
import { startRedisServer, type RedisServer } from '../../helpers/redis-server.js';
import { FAST_RETRIES, testSite, type TestSite } from '../../helpers/site.js';
import { hookDar } from '../../integration/bad-input/dar-hooks.js';
import { expectSwept, filesBelow } from '../../integration/bad-input/leftovers.js';
import { restore, resultOf } from '../../integration/bad-input/restoring.js';
import { until } from '../../integration/bad-input/until.js';
import { stopDarAt } from '../../integration/segments/stopped-dar.js';
import { processesOf, SHORT_LOCKS, untilNothingRuns } from '../worker-process.js';

/** An outage of 2 s is to this lock what one of 60 s is to that of production. */
const LONGER_LOCKS: QueueTiming = { ...FAST_RETRIES, lockDurationMs: 10_000, lockRenewTimeMs: 2_000, stalledIntervalMs: 500 };
const OUTAGE_MS = 2_000;

interface Outage {
  readonly begins: (server: RedisServer) => Promise<void> | void;
  readonly ends: (server: RedisServer) => Promise<void> | void;
}

const OUTAGES: readonly (readonly [string, Outage])[] = [
  ['killed and started again', { begins: (server) => server.kill(), ends: (server) => server.start() }],
  ['frozen', { begins: (server) => { server.freeze(); }, ends: (server) => { server.thaw(); } }],
];

async function siteOn(timing: QueueTiming): Promise<{ site: TestSite; server: RedisServer }> {
  const servers: RedisServer[] = [];
  const site = await testSite({
    timing,
    settings: { dar: { sliceSize: '1MiB' } },
    prepare: async (dir) => {
      await mkdir(join(dir, 'redis'));
      servers.push(await startRedisServer(join(dir, 'redis')));
      return { redis: { url: servers[0]?.url } };
    },
  });
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  await mkdir(join(site.topdir, 'alice'));
  for (const name of ['a', 'b', 'c']) await writeFile(join(site.topdir, 'alice', name), Buffer.alloc(1_500_000, name));
  return { site, server };
}

async function enqueue({ producer }: TestSite): Promise<string[]> {
  return (await producer.tick()).flatMap(({ enqueued }) => enqueued.map(({ jobId }) => jobId));
}

async function expectSealedOnce(site: TestSite, starts: RegExp): Promise<void> {
  const manifests = await site.manifests();
  expect(manifests).toMatchObject([{ outcome: 'clean' }]);
  const [manifest] = manifests;
  if (manifest === undefined) return expect.unreachable();
  for (const { name } of manifest.archives) expect(name).toMatch(starts);
  await expectSwept(site);
  expect(resultOf(await restore(site, manifest))).toMatchObject({ outcome: 'clean' });
}

describe.each(OUTAGES)('Redis %s while a backup runs', (_, { begins, ends }) => {
  it('for less than a lock: dar runs to its end meanwhile, its result is committed, nothing is begun again', async () => {
    const { site, server } = await siteOn(LONGER_LOCKS);
    const [ready, go] = [join(site.dir, 'ready'), join(site.dir, 'go')];
    await hookDar(site.dir, { before: `: > '${ready}'; until [ -e '${go}' ]; do sleep 0.02; done` });
    const jobs = await enqueue(site);
    await until('dar is about to begin', () => access(ready).then(() => true as const, () => null));
    await begins(server);
    await writeFile(go, '');
    await until('all is saved', async () => ((await filesBelow(site.config.staging.dir)).some((file) => file.endsWith('.dar')) ? true : null));
    await untilNothingRuns(site.config.staging.dir);
    await sleep(OUTAGE_MS);
    await ends(server);
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    const shards = await site.worker.context.queues.backup.getJobs(['completed']);
    expect(shards.filter(({ stalledCounter }) => stalledCounter > 0)).toEqual([]);
    await expectSealedOnce(site, /\.s0001-t1-/);
  });
});

describe('Redis away for longer than a lock', () => {
  it('dar closes its archive before the lock ends, nothing else of that start is done, and the next one seals', async () => {
    const { site, server } = await siteOn({ ...FAST_RETRIES, ...SHORT_LOCKS });
    const dar = await stopDarAt(site.dir, { slice: 2, bytes: 200_000 });
    const jobs = await enqueue(site);
    await dar.stands();
    await server.kill();
    const since = performance.now();
    expect(await processesOf(site.config.staging.dir)).not.toEqual([]);
    await untilNothingRuns(site.config.staging.dir);
    expect(performance.now() - since).toBeLessThan(SHORT_LOCKS.lockDurationMs);
    expect((await filesBelow(site.config.staging.dir)).filter((file) => /\.s0001-t1-.*\.2\.dar$/.test(file))).toHaveLength(1);
    await sleep(Math.max(0, SHORT_LOCKS.lockDurationMs + 200 - (performance.now() - since)));
    await server.start();
    expect(await site.waitFor(jobs)).toMatchObject([{ state: 'completed', reason: null }]);
    await expectSealedOnce(site, /\.s0001-t[2-9]-/);
  });
});
