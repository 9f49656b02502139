import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import type { Logger } from 'pino';
import { onTestFinished } from 'vitest';
import { DelayedError, Worker } from 'bullmq';
import type { Config } from '../../../shared/config/config.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { BEAT_MS, type WorkerProcess } from '../../../shared/hosts/silence.js';
import { createLogger } from '../../../shared/logging/index.js';
import { createMetrics } from '../../../shared/metrics/index.js';
import { JOB_VERSION, type TransferJob } from '../../../shared/queues/job-data.js';
import { BEATS_KEY, HOSTS_KEY, PREFIX, transferQueue } from '../../../shared/queues/names.js';
import { priorityOf } from '../../../shared/queues/priorities.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { ItemStore } from '../../../shared/runs/item-store.js';
import { RunStore, type Run } from '../../../shared/runs/run-store.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../../worker/context.js';
import { transferJob } from '../../../worker/jobs/transfer/transfer-job.js';
import type { JobRun } from '../../../worker/processor/run-job.js';
import { TaskSender, type SenderTiming } from '../../../worker/tasks/task-sender.js';
import { fakeBackend, type FakeService } from './fake-service.js';

/** Nothing is waited for. */
export const AT_ONCE: SenderTiming = { lookMs: 0, holdMs: 60_000 };

export const logger: Logger = createLogger({ level: process.env['BW_TEST_LOG'] === undefined ? 'fatal' : 'debug', format: 'json', host: 'here', component: 'test' });

/** What a worker of a host works with, as far as transfers need it. */
export function contextOf(redis: Redis, host: string, backends: readonly TransferBackend[], queues = new QueueSet(redis)): WorkerContext {
  return {
    config: { host, lts: backends.map(({ name }) => ({ name, bundle: null })) } as unknown as Config,
    logger,
    metrics: createMetrics({ host, component: 'worker' }),
    queues,
    presence: new Presence(redis),
    runs: new RunStore(redis),
    items: new ItemStore(redis),
    backends,
    breakers: { isOpen: () => false, suspect: () => Promise.resolve(false), refuseIfOut: () => undefined, note: () => Promise.resolve() },
    staging: { account: { isTight: false } },
    now: () => new Date(),
  } as unknown as WorkerContext;
}

/** A worker's part that sends: as a process of its own. */
export function senderOf(redis: Redis, host: string, service: FakeService, { backend = fakeBackend(service), timing = AT_ONCE }: { readonly backend?: TransferBackend; readonly timing?: SenderTiming } = {}) {
  const context = contextOf(redis, host, [backend]);
  onTestFinished(() => context.queues.close());
  return { context, sender: new TaskSender(context, timing) };
}

export interface SampleBackup {
  readonly id: string;
  readonly objects: readonly string[];
  readonly data: TransferJob;
  readonly jobId: string;
}

/** A backup that is being saved, with slices on record as staged on `host`, and the job that sends them. */
export async function savingBackup(redis: Redis, host: string, slices: number, bytes = 1_000): Promise<SampleBackup> {
  const id = ulid();
  const runs = new RunStore(redis);
  const run: Run = {
    id, kind: 'backup', basepathId: 'alice', path: '/u/alice', level: 'full', jobId: `backup.${id}`, phase: 'saving', startedAt: '2026-01-01T00:00:00Z', endedAt: null,
    work: 't1', shards: 1, step: 0, records: 0, bytes: '0', error: null, outcome: null,
  };
  await runs.create(run);
  const start = 's0001-t1-abcdef';
  await runs.claimShard(id, 1, start);
  const objects = Array.from({ length: slices }, (_, index) => `alice/${id}/${start}.${String(index + 1)}.dar`);
  const items = new Map(objects.map((object) => [object, { host, file: `/staging/${object}`, bytes, sha512: `hash-of-${object}`, start, committed: {} }]));
  await new ItemStore(redis).add(id, { shard: 1, start }, items);
  const jobId = `send.${id}`;
  const data: TransferJob = { v: JOB_VERSION, backupId: id, basepathId: 'alice', objects: [...objects] };
  const queues = new QueueSet(redis);
  await queues.transfer(host).add('send', data, { jobId, priority: priorityOf('full', 'shard'), attempts: 2, backoff: { type: 'fixed', delay: 0 } });
  await queues.close();
  return { id, objects, data, jobId };
}

/** Takes transfer jobs of a host until it is stopped. */
export function transferWorker(redis: Redis, context: WorkerContext): Worker {
  const connection = redis.duplicate();
  const worker = new Worker(transferQueue(context.config.host), (job, token = '', signal = new AbortController().signal) => transferJob(context, { job, token, signal, hurry: signal, logger } as JobRun), { connection, prefix: PREFIX, concurrency: 4 });
  worker.on('error', () => undefined);
  onTestFinished(async () => {
    await worker.close();
    connection.disconnect();
  });
  return worker;
}

/** Does one transfer job as far as it goes by itself; `waits`: it is put aside for a task. Any other error is thrown. */
export async function handOverJob(context: WorkerContext, backup: SampleBackup): Promise<'done' | 'waits'> {
  const parked: number[] = [];
  const job = { id: backup.jobId, name: 'send', timestamp: Date.now(), data: backup.data, priority: priorityOf('full', 'shard'), queueName: transferQueue(context.config.host), moveToDelayed: (at: number) => { parked.push(at); return Promise.resolve(); }, promote: () => Promise.resolve() };
  const signal = new AbortController().signal;
  try {
    await transferJob(context, { job, token: 't', signal, hurry: signal, logger } as unknown as JobRun);
    return 'done';
  } catch (thrown) {
    if (thrown instanceof DelayedError) return 'waits';
    throw thrown;
  }
}

/** Slices that are on record as verified in the LTS. */
export async function committed(redis: Redis, { id }: SampleBackup): Promise<string[]> {
  return [...(await new ItemStore(redis).all(id))].filter(([, item]) => item.committed['far'] !== undefined).map(([object]) => object).sort();
}

export async function liveTasks(redis: Redis): Promise<number> {
  return (await new TaskStore(redis).all()).length;
}

/** So many rounds of a worker, each to its end. */
export async function rounds({ sender }: { readonly sender: TaskSender }, count = 1): Promise<void> {
  for (let round = 0; round < count; round++) {
    await sender.round();
    await sender.idle();
  }
}

/** Another process of another host was heard now, and `host` not for long. */
export async function makeGone(redis: Redis, host: string): Promise<void> {
  const [seconds] = await redis.time();
  const now = Number(seconds) * 1000;
  const heard = (name: string, seenMs: number) => {
    const process: WorkerProcess = { incarnation: name, host: name, pid: 1, startedAt: '1', bootId: 'b', pidNamespace: 'n', lockers: [] };
    return redis.hset(HOSTS_KEY, name, JSON.stringify({ seenMs, process }));
  };
  await redis.hset(BEATS_KEY, 'last', now, 'since', now - 10_000_000);
  await heard(host, now - 3_600_000);
  await heard('there', now - BEAT_MS);
}
