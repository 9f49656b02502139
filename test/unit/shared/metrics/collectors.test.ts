import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createMetrics, type BasepathAge, type CountedQueue } from '../../../../shared/metrics/index.js';
import { priorityOf, SCORE_OF_PRIORITY } from '../../../../shared/queues/priorities.js';
import { figuresOf } from '../../../../shared/tasks/figures.js';
import { sampleTask } from '../tasks/sample-task.js';
import { sampleOf } from './samples.js';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2030, 0, 10);

function metricsAt(clock: { now: number }, errors: string[] = []) {
  return createMetrics({
    host: 'ie1',
    component: 'producer',
    collectTimeoutMs: 20,
    now: () => clock.now,
    onCollectorError: (collector, error) => errors.push(`${collector} ${error.code}`),
  });
}

const SCORES = [...Array<number>(3).fill(priorityOf('full')), priorityOf('full', 'shard') + 1000, ...Array<number>(4).fill(priorityOf('incremental'))].map((priority) => priority * SCORE_OF_PRIORITY);
/** Redis as it counts those that wait. */
const WAITING: Pick<Redis, 'zcount'> = {
  zcount: (_key: unknown, from: unknown, to: unknown) => Promise.resolve(SCORES.filter((score) => score >= Number(from) && score < Number(String(to).slice(1))).length),
};

/** A queue as BullMQ answers, without Redis (the real one is in test/integration/http). */
function queueOf(answers: Partial<CountedQueue>): CountedQueue {
  return {
    name: 'backup',
    getJobCounts: () => Promise.resolve({ prioritized: 10, active: 2, failed: 1 }),
    getActive: () => Promise.resolve([{ priority: priorityOf('restore') }, undefined] as never),
    ...answers,
  };
}

test('jobs are counted by state and level, and the levels of a state add up to its count', async () => {
  const metrics = metricsAt({ now: NOW });
  metrics.collectQueues([queueOf({})], WAITING);
  const text = await metrics.render();
  const jobs = (state: string, level: string) => sampleOf(text, 'bw_jobs', { queue: 'backup', state, level });
  expect([jobs('prioritized', 'full'), jobs('prioritized', 'incremental'), jobs('prioritized', '')]).toEqual([4, 4, 2]);
  expect([jobs('active', 'restore'), jobs('active', '')]).toEqual([1, 1]);
  expect(jobs('failed', '')).toBe(1);
  expect(sampleOf(text, 'bw_redis_up', {})).toBe(1);
  expect(sampleOf(text, 'bw_collector_up', { collector: 'queues' })).toBe(1);
});

test('without a source there is no value: not collected is not down', async () => {
  const text = await metricsAt({ now: NOW }).render();
  for (const name of ['bw_redis_up', 'bw_oldest_sealed_age_seconds', 'bw_staging_used_bytes']) {
    expect(sampleOf(text, name, {}), name).toBeNull();
  }
});

test.each([
  ['fails', () => Promise.reject(new Error('ECONNREFUSED')), 'queues UNEXPECTED'],
  ['hangs', () => new Promise<never>(() => undefined), 'queues CALL_TIMEOUT'],
])('a Redis that %s costs the counts, not the scrape', async (_, broken, reported) => {
  const errors: string[] = [];
  const metrics = metricsAt({ now: NOW }, errors);
  let queues = [queueOf({ getJobCounts: () => Promise.resolve({ failed: 1 }) })];
  metrics.collectQueues(() => queues, WAITING);
  expect(sampleOf(await metrics.render(), 'bw_jobs', { state: 'failed' })).toBe(1);

  queues = [queueOf({ getJobCounts: broken })];
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_redis_up', {})).toBe(0);
  expect(sampleOf(text, 'bw_jobs', { state: 'failed' })).toBeNull();
  expect(sampleOf(text, 'bw_build_info', {})).toBe(1);
  expect(errors).toEqual([reported]);
});

test('staging is asked at every scrape', async () => {
  const metrics = metricsAt({ now: NOW });
  let [usedBytes, pausedMs] = [5, 1_500];
  metrics.collectStaging(() => ({ usedBytes, budgetBytes: 100, pausedDars: 2, pausedMs }));
  expect(sampleOf(await metrics.render(), 'bw_staging_used_bytes', {})).toBe(5);
  [usedBytes, pausedMs] = [6, 4_000];
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_staging_used_bytes', {})).toBe(6);
  expect(sampleOf(text, 'bw_staging_budget_bytes', {})).toBe(100);
  expect(sampleOf(text, 'bw_staging_paused_dars', {})).toBe(2);
  expect(sampleOf(text, 'bw_staging_paused_seconds_total', {})).toBe(4);
});

test('transfer tasks and what waits for one are asked at every scrape; a storage without any has zeros, an outbox without any is absent', async () => {
  const metrics = metricsAt({ now: NOW });
  let outboxes = [{ lts: 'tape', host: 'ie2', files: 3, bytes: 30, sinceMs: NOW - 90_000, hostIsGone: true }];
  metrics.collectTasks(() => Promise.resolve({ tasks: figuresOf([sampleTask({ createdMs: NOW - 60_000, state: 'paused', bytes: 100, doneBytes: 40 })], ['tape', 'vault'], NOW), outboxes, nowMs: NOW }));
  const text = await metrics.render();
  const of = (name: string, labels: Readonly<Record<string, string>>) => sampleOf(text, name, labels);
  expect([of('bw_tasks', { lts: 'tape', state: 'paused' }), of('bw_tasks', { lts: 'tape', state: 'running' }), of('bw_tasks_need_operator', { lts: 'tape' }), of('bw_tasks_need_operator', { lts: 'vault' })]).toEqual([1, 0, 1, 0]);
  expect([of('bw_task_bytes', { lts: 'tape', state: 'left' }), of('bw_task_age_seconds', { lts: 'tape' }), of('bw_task_unmoved_seconds', { lts: 'tape' }), of('bw_task_age_seconds', { lts: 'vault' })]).toEqual([60, 60, 60, 0]);
  const waiting = { lts: 'tape', staged_on: 'ie2' };
  expect(['files', 'bytes', 'age_seconds', 'host_gone'].map((name) => of(`bw_outbox_${name}`, waiting))).toEqual([3, 30, 90, 1]);
  outboxes = [];
  expect(sampleOf(await metrics.render(), 'bw_outbox_files', {})).toBeNull();
});

test('a source is registered once', () => {
  const metrics = metricsAt({ now: NOW });
  metrics.collectQueues([], WAITING);
  expect(() => {
    metrics.collectQueues([], WAITING);
  }).toThrow('collected already');
});

const BASEPATHS: readonly BasepathAge[] = [
  { topdir: '/u', basepathId: 'alice-1', lastSealedAt: NOW - DAY_MS, lastFullAt: NOW - 9 * DAY_MS, pastDue: false, lastProvenAt: NOW - DAY_MS, damaged: false },
  { topdir: '/u', basepathId: 'bob-2', lastSealedAt: NOW - 3 * DAY_MS, lastFullAt: NOW - 3 * DAY_MS, pastDue: true, lastProvenAt: NOW - 2 * DAY_MS, damaged: true },
  { topdir: '/u', basepathId: 'new-3', lastSealedAt: null, lastFullAt: null, pastDue: true, lastProvenAt: null, damaged: false },
  { topdir: '/p', basepathId: 'empty-4', lastSealedAt: null, lastFullAt: null, pastDue: false, lastProvenAt: null, damaged: false },
];

async function* stream(): AsyncGenerator<BasepathAge> {
  yield* BASEPATHS;
  await Promise.resolve();
}

test('ages: the basepath that waits longest per topdir, the oldest of all, and those never sealed', async () => {
  const metrics = metricsAt({ now: NOW });
  metrics.collectAges(stream);
  const text = await metrics.render();
  const u = (name: string) => sampleOf(text, name, { topdir: '/u' });
  expect(u('bw_last_sealed_age_seconds')).toBe(3 * 86_400);
  expect(u('bw_last_full_age_seconds')).toBe(9 * 86_400);
  expect(u('bw_newest_sealed_age_seconds')).toBe(86_400);
  expect([u('bw_basepaths'), u('bw_basepaths_never_sealed'), u('bw_basepaths_past_due')]).toEqual([3, 1, 2]);
  expect([u('bw_basepaths_never_proven'), u('bw_last_proven_age_seconds'), u('bw_basepaths_damaged')]).toEqual([1, 2 * 86_400, 1]);
  expect(sampleOf(text, 'bw_oldest_sealed_age_seconds', {})).toBe(3 * 86_400);
  expect(sampleOf(text, 'bw_last_sealed_age_seconds', { topdir: '/p' })).toBeNull();
  expect(sampleOf(text, 'bw_basepaths_never_sealed', { topdir: '/p' })).toBe(1);
  expect(text).not.toContain('alice-1');
});

test('ages per basepath only when asked for; a topdir that went away goes from the metrics', async () => {
  const metrics = metricsAt({ now: NOW });
  let ages = [...BASEPATHS];
  metrics.collectAges(() => ages, { perBasepath: true });
  const before = await metrics.render();
  expect(sampleOf(before, 'bw_basepath_last_sealed_age_seconds', { topdir: '/u', basepath: 'bob-2' })).toBe(3 * 86_400);
  ages = ages.filter(({ topdir }) => topdir === '/u');
  expect(sampleOf(await metrics.render(), 'bw_basepaths', { topdir: '/p' })).toBeNull();
});

test('ages of a catalog that cannot be read are kept for ten minutes, then absent', async () => {
  const clock = { now: NOW };
  const metrics = metricsAt(clock);
  let broken = false;
  metrics.collectAges(() => (broken ? Promise.reject(new Error('ESTALE')) : BASEPATHS));
  await metrics.render();
  broken = true;
  clock.now += 599_000;
  const kept = await metrics.render();
  expect(sampleOf(kept, 'bw_collector_up', { collector: 'ages' })).toBe(1);
  expect(sampleOf(kept, 'bw_basepaths', { topdir: '/u' })).toBe(3);
  clock.now += 1_000;
  const gone = await metrics.render();
  expect(sampleOf(gone, 'bw_collector_up', { collector: 'ages' })).toBe(0);
  expect(sampleOf(gone, 'bw_basepaths', { topdir: '/u' })).toBeNull();
});
