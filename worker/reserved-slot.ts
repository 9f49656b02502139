import { WaitingError, Worker, type Job, type Processor, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { moveToHead } from '../shared/queues/move-to-head.js';
import { PREFIX, QUEUES } from '../shared/queues/names.js';
import { OTHERS_PRIORITIES, SCORE_OF_PRIORITY, SEAL_PRIORITIES } from '../shared/queues/priorities.js';
import type { Config } from '../shared/config/config.js';

/** A slot that takes only some of the jobs of the backup queue. */
export interface ReservedSlot {
  readonly worker: Worker;
  /** Looks no more for what waits. */
  stop(): void;
  /** Takes nothing while `held`. */
  hold(held: boolean): void;
}

/** Whom a slot is for. */
export interface Reservation {
  /** Priorities of what it takes, lowest and highest. */
  readonly priorities: readonly { readonly first: number; readonly last: number }[];
  readonly takes: (job: Pick<Job, 'data' | 'priority'>) => boolean;
  /** How often an idle one looks whether something waits for it, ms. */
  readonly lookEveryMs: number;
  /** It takes what was first at its last look too, and so has no other slot. */
  readonly onlyLeftOver: boolean;
}

const OTHERS: ReadonlySet<unknown> = new Set(['incremental', 'overdue-incremental']);

/** Incrementals and differentials: fulls never take it. */
export const OWN: Reservation = {
  priorities: [OTHERS_PRIORITIES],
  takes: ({ data }) => OTHERS.has((data as { priorityClass?: unknown }).priorityClass),
  lookEveryMs: 500,
  onlyLeftOver: false,
};

/**
 * Backups that come back to be sealed, which takes a moment: what they need is done, and nobody who works should be stopped for them, nor a preempted one twice
 * for the same full. Each host has one beside its slots.
 */
export const SEALS: Reservation = {
  priorities: SEAL_PRIORITIES.map((seal) => ({ first: seal, last: seal })),
  takes: ({ priority }) => SEAL_PRIORITIES.includes(priority),
  lookEveryMs: 250,
  onlyLeftOver: true,
};

/** How many of a host's slots fulls never take; at least one is open to all. */
export function ownSlots({ slots, incrementalSlots }: Pick<Config['worker'], 'slots' | 'incrementalSlots'>): number {
  return Math.min(Math.floor(slots * incrementalSlots), slots - 1);
}

/** The first that waits in these ranges of scores (pairs from ARGV[3] on), put before everything else for the one fetch that follows if ARGV[2] is empty or its id. Its own priority stays in the job. */
const BRING_FORWARD = `
for i = 3, #ARGV, 2 do
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[i], '(' .. ARGV[i + 1], 'LIMIT', 0, 1)[1]
  if found then
    if ARGV[2] == '' or ARGV[2] == found then redis.call('ZADD', KEYS[1], 'XX', ARGV[1], found) end
    return found
  end
end
return nil`;

/** No job has this id: nothing is brought forward at the first look. */
const NONE = '-';

/**
 * BullMQ hands out the first job of a queue, whoever asks. So this slot asks only when something of its own waits, having brought that forward, and takes one
 * job at a time. When somebody else was faster it may get another's: that goes back to the head of its class at once, without spending an attempt.
 */
export function reservedSlot(redis: Redis, processor: Processor, options: WorkerOptions, reservation: Reservation): ReservedSlot {
  const work: Processor = async (job, token, signal) => {
    void worker.pause(true); // nothing more is fetched when this one ends
    if (slot.held || !reservation.takes(job)) await giveBack(redis, job, token);
    return (await processor(job, token, signal)) as unknown;
  };
  const worker = new Worker(QUEUES.backup, work, options);
  const slot = { busy: false, stopped: false, held: false, seen: NONE };
  const look = async (): Promise<void> => {
    if (slot.busy || slot.stopped || slot.held || !worker.isPaused() || worker.isRunning()) return;
    slot.busy = true;
    try {
      const awaited = reservation.onlyLeftOver ? slot.seen : '';
      const found = await bringForward(redis, reservation, awaited);
      slot.seen = found ?? NONE;
      if (found !== null && (awaited === '' || awaited === found)) await worker.resume();
    } finally {
      slot.busy = false;
    }
  };
  const lookQuietly = (): void => {
    look().catch((thrown: unknown) => worker.emit('error', thrown instanceof Error ? thrown : new Error(String(thrown))));
  };
  const timer = setInterval(lookQuietly, reservation.lookEveryMs);
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

async function bringForward(redis: Redis, { priorities }: Reservation, awaited: string): Promise<string | null> {
  const ranges = priorities.flatMap(({ first, last }) => [first * SCORE_OF_PRIORITY, (last + 1) * SCORE_OF_PRIORITY]);
  return (await redis.eval(BRING_FORWARD, 1, `${PREFIX}:${QUEUES.backup}:prioritized`, SCORE_OF_PRIORITY, awaited, ...ranges)) as string | null;
}

/** Back to the head of its class. */
async function giveBack(redis: Redis, job: Job, token: string | undefined): Promise<never> {
  await moveToHead(redis, QUEUES.backup, job, token);
  throw new WaitingError();
}
