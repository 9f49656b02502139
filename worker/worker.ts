import { DelayedError, Worker, type Job, type Processor } from 'bullmq';
import type { Redis } from 'ioredis';
import { toBwError } from '../shared/errors/bw-error.js';
import type { Drained } from '../shared/orders/drained-hosts.js';
import { moveToHead } from '../shared/queues/move-to-head.js';
import { cleanupQueue, OWN_SLOT_NAME, QUEUES, SEAL_SLOT_NAME, transferQueue } from '../shared/queues/names.js';
import { forgiveStall } from '../shared/queues/release-locks.js';
import { renewLocks } from '../shared/queues/renew-locks.js';
import { TIMING, workerOptions, type QueueTiming } from '../shared/queues/options.js';
import type { WorkerContext } from './context.js';
import { giveUpKept } from './staging/give-up-kept.js';
import { releaseSmall } from './jobs/cleanup/release-small.js';
import { processorsOf } from './jobs/job-table.js';
import { followOrders } from './follow-orders.js';
import { bePresent } from './presence/be-present.js';
import { reclaimJobs } from './presence/reclaim-jobs.js';
import { Failures, runOf } from './processor/failures.js';
import { fencedContext } from './processor/fenced-redis.js';
import { LockKeeper } from './processor/lock-keeper.js';
import { noting } from './processor/note-error.js';
import { notingHang } from './processor/note-hang.js';
import { runJob } from './processor/run-job.js';
import { TaskSender } from './tasks/task-sender.js';
import { unlessOut } from './breaker/unless-out.js';
import { RunningJobs } from './processor/running-jobs.js';
import { OWN, ownSlots, reservedSlot, SEALS, type Reservation, type ReservedSlot } from './reserved-slot.js';

export interface RunningWorker {
  /** Resolves when what follows from failed jobs so far (journal, sweeps) is on record. */
  settled(): Promise<void>;
  /** Lets running jobs hand themselves back, then ends. */
  close(): Promise<void>;
  /** Running jobs end at once, whatever they have not finished is lost. */
  hurry(): void;
  /** For readiness: all queue workers run. */
  isRunning(): boolean;
}

/** Concurrency of host cleanup: deletes are short and cheap. */
const CLEANUP_CONCURRENCY = 2;
/** A verification may take hours: the short jobs go on beside it. */
const COMMON_CLEANUP_CONCURRENCY = 2;

/** A copy may take as long as a backup did, and nobody waits for it. */
const COPIES_CONCURRENCY = 1;

/**
 * Starts the queue workers of this host: backup slots, transfers and releases of what it staged itself, and a
 * share of the common cleanup. `connect` makes one connection per worker.
 */
export function startWorker(context: WorkerContext, connect: () => Redis, timing: QueueTiming = TIMING): RunningWorker {
  const { host, worker } = context.config;
  const own = ownSlots(worker);
  const plan: [string, number][] = [
    [QUEUES.backup, worker.slots - own],
    [transferQueue(host), worker.transferSlots],
    [cleanupQueue(host), CLEANUP_CONCURRENCY],
    [QUEUES.cleanup, COMMON_CLEANUP_CONCURRENCY],
    [QUEUES.copies, COPIES_CONCURRENCY],
  ];
  const failures = new Failures(context);
  const running = new RunningJobs();
  const parts = (): WorkerParts => ({ context, failures, running, timing, connection: connect() });
  const workers = plan.map(([queue, concurrency]) => startQueueWorker(parts(), queue, concurrency));
  const stopReleasing = [context.staging.account.onPressure(() => releaseSmall(context)), context.staging.account.onPressure(() => giveUpKept(context))];
  const slots = [...Array.from({ length: own }, () => startReservedSlot(parts(), OWN_SLOT_NAME, OWN)), startReservedSlot(parts(), SEAL_SLOT_NAME, SEALS)];
  const leave = appear(context, [...workers, ...slots], timing);
  const breakerTiming = { firstMs: timing.firstBackoffMs, mostMs: timing.maxBackoffMs };
  const stops = [context.limits.start(), context.gate.start(), context.sources.start(), context.standing.start(), context.breakers.start(breakerTiming)];
  const stopTasks = new TaskSender(context, { lookMs: timing.firstBackoffMs, holdMs: timing.lockDurationMs / 5 }).start();
  const orders = followOrders({
    connection: connect(),
    redis: context.queues.redis,
    host,
    logger: context.logger,
    onStop: ({ queue, jobId, reason }) => { running.stop(queue, jobId, reason); },
    onDrained: drainer(context, workers, slots, running),
  });
  return {
    settled: () => failures.settled(),
    close: async () => {
      await orders.close();
      for (const slot of slots) slot.stop();
      for (const stop of stopReleasing) stop();
      await closeAll([...workers, ...slots], failures, running);
      await stopTasks();
      await leave();
      for (const stop of stops) stop();
    },
    hurry: () => { running.hurry(null, 'shutdown'); },
    isRunning: () => workers.every(({ worker: each }) => each.isRunning() || each.isPaused()),
  };
}

/** On record as present, it gives back what predecessors held. Returns how to disappear. */
function appear(context: WorkerContext, workers: readonly QueueWorker[], { lockDurationMs }: QueueTiming): () => Promise<void> {
  const present = bePresent(context, workers.map(({ worker }) => worker.id));
  const over = new AbortController();
  const reclaimed = present.process
    .then((own) => reclaimJobs({ context, own, signal: over.signal, lockDurationMs }))
    .catch((thrown: unknown) => { context.logger.warn({ err: toBwError(thrown) }, 'jobs of workers that were killed are given back when their locks end'); });
  return async () => {
    over.abort();
    await reclaimed;
    await present.leave();
  };
}

/** Not those of its own: what it staged is still sent, and given back. */
const DRAINED_QUEUES: readonly string[] = [QUEUES.backup, QUEUES.cleanup, QUEUES.copies];

/** Takes no work, or takes it again. What runs goes on elsewhere, or ends here when the host is to be idle then. A host that is set aside takes none of the backup queue. */
function drainer(context: WorkerContext, workers: readonly QueueWorker[], slots: readonly ReservedSlot[], running: RunningJobs): (drained: Drained | null) => void {
  let now: Drained | null = null;
  const apply = (): void => {
    const { isAside } = context.standing;
    for (const slot of slots) slot.hold(now !== null || isAside);
    for (const { worker } of workers) {
      if (!DRAINED_QUEUES.includes(worker.name)) continue;
      if (now !== null || (isAside && worker.name === QUEUES.backup)) void worker.pause(true);
      else void worker.resume();
    }
  };
  context.standing.onChange(apply);
  if (context.standing.isAside) apply();
  return (drained) => {
    now = drained;
    apply();
    if (drained === null) {
      running.accept(DRAINED_QUEUES);
      context.logger.info('resumed: this host takes work again');
      return;
    }
    running.refuse(DRAINED_QUEUES, 'drained', { running: !drained.whenIdle });
    if (drained.force) running.hurry(DRAINED_QUEUES, 'drained');
    context.logger.info({ ...drained }, 'drained: this host takes no new work');
  };
}

interface QueueWorker {
  readonly worker: Worker;
  readonly locks: LockKeeper;
  readonly connection: Redis;
}

interface WorkerParts {
  readonly context: WorkerContext;
  readonly failures: Failures;
  readonly running: RunningJobs;
  readonly timing: QueueTiming;
  readonly connection: Redis;
}

function startQueueWorker(parts: WorkerParts, queue: string, concurrency: number): QueueWorker {
  const { context, timing, connection } = parts;
  const options = { ...workerOptions(`${context.config.host}/${queue}`, concurrency, timing), connection };
  const locks = keeper(parts, queue);
  const worker = new Worker(queue, processor(parts, queue, locks), options);
  listen(parts, worker, queue);
  void worker.run().catch((thrown: unknown) => {
    context.logger.error({ err: toBwError(thrown), queue }, 'queue worker ended');
  });
  return { worker, locks, connection };
}

function startReservedSlot(parts: WorkerParts, name: string, reservation: Reservation): QueueWorker & ReservedSlot {
  const { context, timing, connection } = parts;
  const options = { ...workerOptions(`${context.config.host}/${QUEUES.backup}${name}`, 1, timing), connection };
  const locks = keeper(parts, QUEUES.backup);
  const slot = reservedSlot(context.queues.redis, processor(parts, QUEUES.backup, locks), options, reservation);
  listen(parts, slot.worker, QUEUES.backup);
  return { ...slot, locks, connection };
}

/** Of the jobs of one queue worker. */
function keeper({ context, timing, connection }: WorkerParts, queue: string): LockKeeper {
  return new LockKeeper({
    timing,
    renew: (...locks) => renewLocks(connection, queue, ...locks),
    onError: (error) => { context.logger.warn({ err: error }, 'locks of running jobs could not be renewed'); },
  });
}

function listen({ context, failures }: WorkerParts, worker: Worker, queue: string): void {
  const logger = context.logger.child({ queue });
  worker.on('error', (error) => {
    logger.warn({ err: error }, 'queue connection trouble');
  });
  worker.on('failed', (job, error) => {
    if (job?.finishedOn !== undefined) failures.add(job, error);
  });
}

function processor({ context, running }: WorkerParts, queue: string, locks: LockKeeper): Processor {
  return async (job, token = '') => {
    const logger = context.logger.child({ queue, jobId: job.id, jobName: job.name, ...idsOf(job) });
    const startedAt = performance.now();
    const finished = (outcome: 'completed' | 'retried' | 'stopped'): void => {
      context.metrics.jobFinished({ queue: metricQueue(queue), name: job.name, outcome, wallMs: performance.now() - startedAt });
    };
    const { signal, hurry, stop, ends } = running.begin(queue, job); // first of all: an order to stop it may come at once
    const leaveLock = locks.begin({ jobId: String(job.id), token, heldMs: Date.now() - (job.processedOn ?? Date.now()), onEnding: () => { stop('losing-lock'); }, onEnded: () => { stop('lost-lock'); } });
    try {
      const work = processorsOf(fencedContext(context, { hurry, look: () => { locks.look(); } }))[job.name];
      if (work === undefined) throw new Error(`no such job: ${job.name}`);
      const result = await runJob({ job, token, signal, hurry, stop, giveWay: () => moveToHead(context.queues.redis, queue, job, token), maxPauseMs: context.config.staging.maxPauseMs, logger }, (run) => {
        return unlessOut(context, run, queue, async () => {
          // The place is given back before the job goes anywhere: whoever takes it next holds one of its own.
          const leave = await context.gate.enter(job, token);
          try {
            await noteHost(context, job);
            return await noting(context, run, () => notingHang(context, run, () => work(run)));
          } finally {
            await leave();
          }
        });
      });
      finished('completed');
      return result;
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof DelayedError)) finished(signal.aborted ? 'stopped' : 'retried'); // else the gate parked it
      throw thrown;
    } finally {
      leaveLock();
      ends();
      if (hurry.reason === 'lost-lock') void forgiveStall(context.queues.redis, queue, String(job.id)).catch(() => undefined); // when Redis is back; at most a crash too many is counted
    }
  };
}

/** Jobs that may leave files in this host's staging. */
const STAGING_JOBS: ReadonlySet<string> = new Set(['shard', 'restore', 'restore-archive', 'verify']);

/** On record before anything is made, so that whatever ends the run finds the host again. */
async function noteHost(context: WorkerContext, job: Job): Promise<void> {
  const id = runOf(job);
  if (id !== undefined && STAGING_JOBS.has(job.name)) await context.runs.addHost(id, context.config.host);
}

function idsOf(job: Job): Record<string, unknown> {
  const data = job.data as Readonly<Record<string, unknown>>;
  const { backupId, basepathId, shard, restoreId } = data;
  return { backupId, basepathId, shard, restoreId };
}

/** Per-host queues share one series: their number is the site's number of hosts. */
function metricQueue(queue: string): string {
  return queue.replace(/^(transfer|cleanup)-.*$/, '$1');
}

async function closeAll(workers: readonly QueueWorker[], failures: Failures, running: RunningJobs): Promise<void> {
  const closing = Promise.all(workers.map(({ worker }) => worker.close()));
  running.refuse(workers.map(({ worker }) => worker.name), 'shutdown', { running: true });
  await closing;
  await failures.settled();
  for (const { connection, locks } of workers) {
    locks.close();
    connection.disconnect();
  }
}
