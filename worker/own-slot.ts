import { WaitingError, Worker, type Job, type Processor, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { moveToHead } from '../shared/queues/move-to-head.js';
import { PREFIX, QUEUES } from '../shared/queues/names.js';
import { OTHERS_PRIORITIES, SCORE_OF_PRIORITY } from '../shared/queues/priorities.js';
import type { Config } from '../shared/config/config.js';

/** A slot that only incrementals and differentials have. */
export interface OwnSlot {
  readonly worker: Worker;
  /** Looks no more for what waits. */
  stop(): void;
  /** Takes nothing while `held`. */
  hold(held: boolean): void;
}

/** How many of a host's slots fulls never take; at least one is open to all. */
export function ownSlots({ slots, incrementalSlots }: Pick<Config['worker'], 'slots' | 'incrementalSlots'>): number {
  return Math.min(Math.floor(slots * incrementalSlots), slots - 1);
}

/** An idle slot looks this often whether something waits for it, ms. */
const LOOK_EVERY_MS = 500;

/** Puts the first that waits of the incrementals and differentials before everything else, for the one fetch that follows. Its own priority stays in the job. */
const BRING_FORWARD = `
local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[2], 'LIMIT', 0, 1)[1]
if not found then return nil end
redis.call('ZADD', KEYS[1], 'XX', ARGV[3], found)
return found`;

const OTHERS: ReadonlySet<unknown> = new Set(['incremental', 'overdue-incremental']);

/**
 * BullMQ hands out the first job of a queue, whoever asks. So this slot asks only when something of its own waits, having brought that forward, and takes one
 * job at a time. When somebody else was faster it may get a full: that goes back to the head of its class at once, without spending an attempt.
 */
export function ownSlot(redis: Redis, processor: Processor, options: WorkerOptions): OwnSlot {
  const work: Processor = async (job, token, signal) => {
    void worker.pause(true); // nothing more is fetched when this one ends
    if (!OTHERS.has((job.data as { priorityClass?: unknown }).priorityClass)) await giveBack(redis, job, token);
    return (await processor(job, token, signal)) as unknown;
  };
  const worker = new Worker(QUEUES.backup, work, options);
  const slot = { busy: false, stopped: false, held: false };
  const look = async (): Promise<void> => {
    if (slot.busy || slot.stopped || slot.held || !worker.isPaused() || worker.isRunning()) return;
    slot.busy = true;
    try {
      const { first, last } = OTHERS_PRIORITIES;
      const found = await redis.eval(BRING_FORWARD, 1, `${PREFIX}:${QUEUES.backup}:prioritized`, first * SCORE_OF_PRIORITY, (last + 1) * SCORE_OF_PRIORITY, SCORE_OF_PRIORITY);
      if (found !== null) await worker.resume();
    } finally {
      slot.busy = false;
    }
  };
  const lookQuietly = (): void => {
    look().catch((thrown: unknown) => worker.emit('error', thrown instanceof Error ? thrown : new Error(String(thrown))));
  };
  const timer = setInterval(lookQuietly, LOOK_EVERY_MS);
  void worker.pause(true).then(lookQuietly);
  return {
    worker,
    stop: () => {
      slot.stopped = true;
      clearInterval(timer);
    },
    hold: (held) => { slot.held = held; },
  };
}

/** Back to the head of its class. */
async function giveBack(redis: Redis, job: Job, token: string | undefined): Promise<never> {
  await moveToHead(redis, QUEUES.backup, job, token);
  throw new WaitingError();
}
