import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../shared/config/config.js';
import { probeMount } from '../../../shared/hosts/probe-mount.js';
import { SuspicionStore } from '../../../shared/hosts/suspicion.js';
import { createLogger } from '../../../shared/logging/index.js';
import { createMetrics } from '../../../shared/metrics/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { QUEUES } from '../../../shared/queues/names.js';
import { workerOptions } from '../../../shared/queues/options.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { HostStanding } from '../../../worker/supervise/standing.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { workspace } from '../../helpers/workspace.js';
import { startRedis } from '../http/redis.js';

const MINUTE = 60_000;

/** Hosts h1 to h4 with workers, their standings, and a clock. */
async function cluster(hosts: number) {
  const { redis } = await startRedis();
  const queues = new QueueSet(redis);
  const clock = { ms: 1_000_000_000 };
  const answers = { value: true };
  const logger = createLogger({ level: 'fatal', format: 'json', host: 'h', component: 'worker' });
  const names = Array.from({ length: hosts }, (_, index) => `h${index + 1}`);
  const connections = names.map(() => redis.duplicate());
  const workers = names.map((name, index) => new Worker(QUEUES.backup, () => Promise.resolve(), { ...workerOptions(`${name}/${QUEUES.backup}`, 1), connection: connections[index] as Redis }));
  for (const worker of workers) void worker.run();
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.close(true)));
    await queues.close();
    for (const connection of connections) connection.disconnect();
  });
  const standings = names.map((host) => {
    const config = { host, topdirs: [{ path: '/u', readFrom: null, hooks: { before: null } }] } as unknown as Config;
    return new HostStanding({ config, queues, logger, metrics: createMetrics({ host, component: 'worker' }), now: () => new Date(clock.ms), probe: () => Promise.resolve(answers.value) });
  });
  await expect.poll(async () => (await queues.backup.getWorkers()).length).toBe(hosts);
  return { standings: standings as [HostStanding, ...HostStanding[]], store: new SuspicionStore(redis, () => clock.ms), clock, answers };
}

it('a host is set aside, looks at its mount, and comes back when it has answered for long enough', async () => {
  const { standings: [first, second], store, clock, answers } = await cluster(2);
  const changes: boolean[] = [];
  first.onChange(() => changes.push(first.isAside));
  await first.noteHang('/u', 'alice');
  await second?.refresh();
  expect([first.isAside, second?.isAside, first.holds('/u', 'alice'), second?.holds('/u', 'alice')]).toEqual([true, false, null, null]);
  answers.value = false;
  clock.ms += 6 * MINUTE;
  await first.probe();
  expect([first.isAside, (await store.read()).hangs[0]?.seenMs]).toEqual([true, clock.ms]);
  answers.value = true;
  await first.probe();
  expect([first.isAside, (await store.read()).hangs, changes]).toEqual([false, [], [true, false]]);
});

it('a basepath that hangs on two hosts is parked until it is released or a day is over; one that is read through is forgotten', async () => {
  const { standings: [first, second], store, clock } = await cluster(2);
  await first.noteHang('/u', 'alice');
  await second?.noteHang('/u', 'alice');
  await first.refresh();
  expect([first.isAside, second?.isAside, first.holds('/u', 'alice'), first.holds('/u', 'bob')]).toEqual([false, false, 'hung', null]);
  expect([await store.unpark('alice'), await store.unpark('alice')]).toEqual([true, false]);
  await first.refresh();
  expect(first.holds('/u', 'alice')).toBeNull();
  await first.noteHang('/u', 'alice');
  await first.noteRead('alice', false);
  await first.noteHang('/u', 'alice');
  await second?.noteHang('/u', 'alice');
  clock.ms += 24 * 60 * MINUTE;
  await second?.refresh();
  expect([second?.holds('/u', 'alice'), await store.read()]).toEqual([null, { hangs: [], past: [], parked: [] }]);
});

it('a hang that this host has not heard of yet is over, too, when it reads through what hung there', async () => {
  const { standings: [first, second], store } = await cluster(2);
  await first.noteHang('/u', 'alice');
  await second?.noteRead('alice', false); // one that was begun here first: nothing of it hung anywhere
  expect((await store.read()).hangs).toHaveLength(1);
  await second?.noteRead('alice', true);
  expect(await store.read()).toMatchObject({ hangs: [], past: [] });
});

it.each([['another host', 1, 2], ['the same host', 0, 3]])('a basepath that hangs again on %s, when the one before is long over, is parked all the same', async (_, then, times) => {
  const { standings, store, clock } = await cluster(2);
  for (let time = 1; time <= times; time++) {
    const standing = standings[time === 1 ? 0 : then] as HostStanding;
    await standing.noteHang('/u', 'alice');
    expect((await store.read()).parked).toHaveLength(time === times ? 1 : 0);
    clock.ms += 31 * MINUTE;
    await standing.probe();
    expect([standing.isAside, (await store.read()).hangs]).toEqual([false, []]);
  }
  await standings[0].refresh();
  expect([standings[0].holds('/u', 'alice'), (await store.read()).past]).toEqual(['hung', []]);
});

it('more hosts than may be set aside pause the topdir, until one answers', async () => {
  const { standings: [first, second], clock, answers } = await cluster(4);
  answers.value = false;
  await first.noteHang('/u', 'alice');
  await second?.noteHang('/u', 'bob');
  await first.refresh();
  expect([first.isAside, second?.isAside, first.holds('/u', 'carol')]).toEqual([false, false, 'incident']);
  clock.ms += 6 * MINUTE;
  answers.value = true;
  await second?.probe();
  await first.refresh();
  expect([first.isAside, second?.isAside, first.holds('/u', 'carol')]).toEqual([true, false, null]);
});

it('a mount answers or not, in its time, whatever hangs', async () => {
  const dir = await workspace();
  await mkdir(join(dir, 'top'));
  expect(await probeMount(bytePath.fromText(join(dir, 'top')), 10_000)).toBe(true);
  expect(await probeMount(bytePath.fromText(join(dir, 'gone')), 10_000)).toBe(false);
  await fakeProgram('find', 'trap "" TERM; exec sleep 100');
  expect(await probeMount(bytePath.fromText(join(dir, 'top')), 200)).toBe(false);
});
