import { Job, Worker } from 'bullmq';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Config } from '../../../shared/config/config.js';
import { countParked, LEASE_MS, Places } from '../../../shared/limits/places.js';
import { removeLimit, writeLimit } from '../../../shared/limits/limit-store.js';
import { parseWindow } from '../../../shared/limits/windows.js';
import type { LimitKey } from '../../../shared/limits/keys.js';
import { createLogger } from '../../../shared/logging/index.js';
import { createMetrics } from '../../../shared/metrics/index.js';
import { placesKey, PREFIX, QUEUES } from '../../../shared/queues/names.js';
import { laneOf } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { thoseThatMayStart } from '../../../producer/preemption/may-start.js';
import { Gate } from '../../../worker/politeness/gate.js';
import { LiveLimits } from '../../../worker/politeness/live-limits.js';
import { sampleOf } from '../../unit/shared/metrics/samples.js';
import { startRedis } from '../http/redis.js';

const NOON = Date.parse('2026-06-03T12:00:00Z');
const lane = laneOf(30);

/** Two slots behind a gate; jobs run until they are let go. */
async function bench(politeness: Partial<Config['topdirs'][number]['politeness']>) {
  const server = await startRedis();
  const queues = new QueueSet(server.redis);
  const clock = { ms: NOON };
  const own = { concurrency: null, windows: { fulls: null }, statLatencyMs: null, statFactor: null, ...politeness };
  const topdir = (path: string, of: object) => ({ path, schedule: { timezone: 'UTC' }, politeness: of });
  const config = { host: 'here', lts: [], worker: {}, topdirs: [topdir('/u', own), topdir('/v', { ...own, concurrency: null, windows: { fulls: null } })] } as unknown as Config;
  const logger = createLogger({ level: 'fatal', format: 'json', host: 'here', component: 'worker' });
  const metrics = createMetrics({ host: 'here', component: 'worker' });
  const now = (): Date => new Date(clock.ms);
  const limits = new LiveLimits({ config, redis: server.redis, logger, now });
  const places = new Places(server.redis);
  const hung = new Map<string, 'incident' | 'hung'>();
  const standing = { holds: (topdir: string, basepathId: string) => hung.get(basepathId) ?? hung.get(topdir) ?? null };
  const gate = new Gate({ config, queues, limits, places, metrics, logger, now, standing });
  limits.onChange(() => gate.limitsChanged());
  const running = new Map<string, () => void>();
  const order: string[] = [];
  const connection = server.redis.duplicate();
  const worker = new Worker(QUEUES.backup, async (job: Job, token) => {
    const leave = await gate.enter(job, token);
    order.push(String(job.id));
    const done = new Promise<void>((resolve) => { running.set(String(job.id), resolve); });
    await done;
    running.delete(String(job.id));
    await leave();
  }, { connection, prefix: PREFIX, concurrency: 4 });
  onTestFinished(async () => {
    // Also those that get through the gate yet. (Signals of BullMQ go by the id of a job: of one that came back while its last start ended here, the second has none.)
    const letting = setInterval(() => { for (const end of running.values()) end(); }, 5);
    await worker.close();
    clearInterval(letting);
    await queues.close();
    connection.disconnect();
  });
  const set = async (key: LimitKey, value: string | null): Promise<void> => {
    const place = { key, host: null, topdir: '/u', lts: null };
    await (value === null ? removeLimit(server.redis, place) : writeLimit(server.redis, { v: 1, ...place, value, until: null, setAt: 0, user: null }));
    await limits.refresh();
  };
  const add = async (jobId: string, data: object, priority = lane.first + 1): Promise<void> => {
    await queues.backup.add('shard', { topdir: '/u', priorityClass: 'full', ...data }, { jobId, priority });
  };
  const states = async (ids: readonly string[]): Promise<string[]> => Promise.all(ids.map(async (id) => (await queues.backup.getJob(id))?.getState() ?? 'gone'));
  return { queues, config, clock, limits, gate, hung, places, metrics, running, order, set, add, states };
}

describe('what hangs', () => {
  it('is parked, without an attempt, and woken when that is over; others pass', async () => {
    const { queues, gate, hung, running, metrics, add, states } = await bench({});
    hung.set('alice', 'hung').set('/v', 'incident');
    await add('h-1', { basepathId: 'alice' });
    await add('h-2', { basepathId: 'bob' });
    await add('h-3', { basepathId: 'carol', topdir: '/v' });
    await expect.poll(() => states(['h-1', 'h-2', 'h-3'])).toEqual(['delayed', 'active', 'delayed']);
    hung.delete('/v');
    await gate.standingChanged();
    await expect.poll(() => [...running.keys()].sort()).toEqual(['h-2', 'h-3']);
    await expect.poll(() => states(['h-1'])).toEqual(['delayed']); // it looked again
    hung.clear();
    await gate.standingChanged();
    await expect.poll(() => running.size).toBe(3);
    expect((await queues.backup.getJob('h-1'))?.attemptsMade).toBe(0);
    const text = await metrics.render();
    expect([sampleOf(text, 'bw_jobs_parked_total', { reason: 'incident' }), sampleOf(text, 'bw_jobs_parked_total', { reason: 'hung' })]).toEqual([1, 2]);
  });
});

describe('what is over between the question and the record', () => {
  it.each(['hung', 'window'] as const)('(%s) keeps nothing asleep', async (reason) => {
    const fulls = reason === 'window' ? [parseWindow('22:00-23:00') ?? expect.unreachable()] : null;
    const { queues, gate, clock, hung, running, add } = await bench({ windows: { fulls } });
    if (reason === 'hung') hung.set('alice', 'hung');
    const { moveToDelayed } = Object.getOwnPropertyDescriptors(Job.prototype);
    const parked = vi.spyOn(Job.prototype, 'moveToDelayed').mockImplementationOnce(async function (this: Job, ...args) {
      await (moveToDelayed.value as Job['moveToDelayed']).apply(this, args);
      hung.clear();
      clock.ms = NOON + 10.5 * 3_600_000;
      await gate.standingChanged();
      await gate.limitsChanged();
    });
    await add('a', { basepathId: 'alice' });
    await expect.poll(() => [...running.keys()]).toEqual(['a']);
    expect(parked).toHaveBeenCalledTimes(1);
    expect((await queues.backup.getJob('a'))?.attemptsMade).toBe(0);
  });
});

describe('concurrency of a topdir', () => {
  it('parks what has no place, lets others pass, wakes in the order of priority, spends no attempt', async () => {
    const { queues, running, order, add, states } = await bench({ concurrency: 1 });
    await add('a-1', {}, lane.first);
    await expect.poll(() => [...running.keys()]).toEqual(['a-1']);
    await add('a-3', {}, lane.first + 128);
    await add('a-2', {}, lane.first + 64);
    await expect.poll(() => states(['a-2', 'a-3'])).toEqual(['delayed', 'delayed']);
    await add('other-1', { topdir: '/v' }, lane.first + 500);
    await expect.poll(() => [...running.keys()]).toEqual(['a-1', 'other-1']);
    running.get('a-1')?.();
    await expect.poll(() => [...running.keys()]).toEqual(['other-1', 'a-2']);
    running.get('a-2')?.();
    await expect.poll(() => order).toEqual(['a-1', 'other-1', 'a-2', 'a-3']);
    const job = await queues.backup.getJob('a-3');
    expect([job?.attemptsMade, job?.priority]).toEqual([0, lane.first + 128]);
    expect(job?.attemptsStarted).toBe(2);
  });

  it('can be raised and taken away while jobs run and wait', async () => {
    const { running, metrics, add, set, states } = await bench({});
    await add('b-0', {});
    await expect.poll(() => running.size).toBe(1);
    await set('concurrency', '1');
    for (const id of ['b-1', 'b-2', 'b-3']) await add(id, {});
    await expect.poll(() => states(['b-1', 'b-2', 'b-3'])).toEqual(['delayed', 'delayed', 'delayed']);
    await set('concurrency', '2');
    await expect.poll(() => running.size).toBe(2);
    expect((await states(['b-1', 'b-2', 'b-3'])).sort()).toEqual(['active', 'delayed', 'delayed']);
    await set('concurrency', null);
    await expect.poll(() => running.size).toBe(4);
    expect(sampleOf(await metrics.render(), 'bw_jobs_parked_total', { reason: 'concurrency' })).toBeGreaterThanOrEqual(3);
  });

  it('a holder that died is forgotten with its lease, and its own job gets in at once', async () => {
    const { queues, places } = await bench({});
    expect(await places.enter('/u', 1, 'dead')).toBe(true);
    expect(await places.enter('/u', 1, 'dead')).toBe(true);
    expect(await places.enter('/u', 1, 'next')).toBe(false);
    expect(await places.park('/u', 1, 'next', 5)).toEqual([]);
    const end = Number(await queues.redis.zscore(placesKey('/u'), 'dead'));
    await queues.redis.zadd(placesKey('/u'), String(end - LEASE_MS - 1), 'dead'); // when it entered
    expect(await places.isFull('/u', 1)).toBe(false);
    expect(await places.free('/u', 1)).toEqual(['next']);
    expect(await places.enter('/u', 1, 'next')).toBe(true);
  });

  it('is kept by the clock of Redis, wherever those of the hosts jump to', async () => {
    const { places } = await bench({});
    expect(await places.enter('/u', 1, 'here')).toBe(true);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 2 * LEASE_MS);
    onTestFinished(() => { vi.restoreAllMocks(); });
    expect(await places.isFull('/u', 1)).toBe(true);
    expect(await places.enter('/u', 1, 'there')).toBe(false);
    await places.renew('/u', ['here']);
    expect(await places.free('/u', 1)).toEqual([]);
    vi.mocked(Date.now).mockReturnValue(0);
    expect(await places.enter('/u', 1, 'there')).toBe(false);
    expect(await places.leave('/u', 1, 'here')).toEqual([]);
    expect(await places.enter('/u', 1, 'there')).toBe(true);
  });
});

describe('parked jobs', () => {
  it('that were removed are counted no more', async () => {
    const { queues, places, running, add, states } = await bench({ concurrency: 1 });
    for (const id of ['c-1', 'c-2', 'c-3']) await add(id, {});
    await expect.poll(() => states(['c-1', 'c-2', 'c-3'])).toEqual(['active', 'delayed', 'delayed']);
    await expect.poll(() => countParked(queues.redis, ['/u', '/v'])).toEqual([{ topdir: '/u', reason: 'concurrency', jobs: 2 }]);
    await (await queues.backup.getJob('c-2'))?.remove();
    await places.forgetGone('/u');
    expect(await countParked(queues.redis, ['/u', '/v'])).toEqual([{ topdir: '/u', reason: 'concurrency', jobs: 1 }]);
    running.get('c-1')?.();
    await expect.poll(() => [...running.keys()]).toEqual(['c-3']);
  });

  it('are looked at when a worker starts: limits may have changed meanwhile', async () => {
    const { gate, running, clock, add, states } = await bench({ windows: { fulls: [{ from: 18 * 60, to: 8 * 60 }] } });
    await add('d-1', {});
    await expect.poll(() => states(['d-1'])).toEqual(['delayed']);
    clock.ms += 7 * 3_600_000;
    gate.start()();
    await expect.poll(() => [...running.keys()]).toEqual(['d-1']);
  });
});

describe('preemption', () => {
  it('counts only those that wait and may start', async () => {
    const { queues, config, running, add } = await bench({ concurrency: 1, windows: { fulls: [{ from: 0, to: 24 * 60 }] } });
    await add('e-1', {});
    await expect.poll(() => running.size).toBe(1);
    const job = async (jobId: string, data: object): Promise<Job> => queues.backup.add('shard', data, { jobId, delay: 3_600_000, priority: lane.first });
    const jobs = [await job('f-1', { topdir: '/u', priorityClass: 'full' }), await job('f-2', { topdir: '/v', priorityClass: 'full' }), await job('f-3', {})];
    expect((await thoseThatMayStart(queues, config, jobs, NOON)).map(({ id }) => id)).toEqual(['f-2', 'f-3']);
    const later = { ...config, topdirs: config.topdirs.map((topdir) => ({ ...topdir, politeness: { ...topdir.politeness, windows: { fulls: [{ from: 18 * 60, to: 8 * 60 }] } } })) };
    expect((await thoseThatMayStart(queues, later, jobs, NOON)).map(({ id }) => id)).toEqual(['f-3']);
  });
});

describe('windows of fulls', () => {
  it('park fulls and their shards until they open, and nothing else; opened by hand, all go on', async () => {
    const { queues, running, clock, add, set, states } = await bench({ windows: { fulls: [{ from: 18 * 60, to: 8 * 60 }] } });
    await add('full-1', {});
    await add('full-2', {});
    await add('manual-1', { priorityClass: 'manual-full' });
    await add('inc-1', { priorityClass: 'incremental' });
    await expect.poll(() => [...running.keys()].sort()).toEqual(['inc-1', 'manual-1']);
    await expect.poll(() => states(['full-1', 'full-2'])).toEqual(['delayed', 'delayed']);
    const job = await queues.backup.getJob('full-1');
    expect(job?.attemptsMade).toBe(0);
    expect(Math.abs((job?.delay ?? 0) - 6 * 3_600_000)).toBeLessThan(10_000);
    await set('windows.fulls', '11:00-13:00');
    await expect.poll(() => running.size).toBe(4);
    clock.ms += 3_600_000;
    await add('full-3', {});
    running.get('full-1')?.();
    await expect.poll(() => states(['full-1', 'full-2', 'full-3'])).toEqual(['completed', 'active', 'delayed']);
  });
});
