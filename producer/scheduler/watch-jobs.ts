import { once } from 'node:events';
import { QueueEvents, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { PREFIX, QUEUES } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { rootReason } from '../../shared/runs/root-reason.js';
import { withinMs } from '../../shared/signals/within-ms.js';

export interface Ended {
  readonly jobId: string;
  readonly state: 'completed' | 'failed';
  /** Set when failed. */
  readonly reason: string | null;
  readonly returnValue: unknown;
}

export interface WatchOptions {
  /** Ends the watching; jobs go on. */
  readonly signal?: AbortSignal;
  /** How long Redis may be away, ms, before this rejects; default for ever. */
  readonly outageMs?: number;
  /** Called once per outage. */
  readonly onOutage?: (error: unknown) => void;
  /** For tests. */
  readonly lookUpMs?: number;
}

/** Events may be missed while a connection is down; states are looked up this often besides. */
const LOOK_UP_MS = 5_000;
/** A look-up of thousands of jobs takes less; beyond this Redis counts as away. */
const ANSWER_MS = 10_000;
const CLOSE_MS = 500;

/**
 * Waits until all jobs of the backup queue named have ended, reporting each once as it ends. `connection` says how to reach
 * Redis for the event stream; it is closed. Resolves early when `signal` ends it.
 */
export async function watchJobs(
  queues: QueueSet,
  connection: Redis,
  jobIds: ReadonlySet<string>,
  onEnded: (ended: Ended) => void,
  options: WatchOptions = {},
): Promise<void> {
  const open = new Set(jobIds);
  const hints = new Hints(options.signal);
  // Of other jobs so many may end that the time to look at all of ours never comes.
  const onEvent = (jobId: string): void => { if (open.has(jobId)) hints.add(jobId); };
  const events = openEvents(connection, onEvent, await lastEvent(queues.redis));
  try {
    await events.heard(options);
    await lookUntilEnded(queues, open, hints, onEnded, options);
  } finally {
    hints.dispose();
    await events.close();
  }
}

interface Events {
  /** Resolves when events are heard, when `signal` fires, or after one look-up's time: look-ups do without. */
  heard(options: WatchOptions): Promise<void>;
  close(): Promise<void>;
}

/** Id of the newest event. What comes after it is heard, also what comes before the listening begins. */
async function lastEvent(redis: Redis): Promise<string> {
  const newest = await redis.xrevrange(`${PREFIX}:${QUEUES.backup}:events`, '+', '-', 'COUNT', 1).catch(() => null);
  return newest === null ? '$' : (newest[0]?.[0] ?? '0-0');
}

function openEvents(connection: Redis, onEvent: (jobId: string) => void, lastEventId: string): Events {
  let over = false;
  // BullMQ duplicates what it is given, and leaves a duplicate that never got ready trying for ever: this ends it.
  const retryStrategy = (times: number): number | null => (over ? null : (connection.options.retryStrategy?.(times) ?? null));
  const own = connection.duplicate({ retryStrategy });
  const events = new QueueEvents(QUEUES.backup, { connection: own, prefix: PREFIX, lastEventId });
  const ready = events.waitUntilReady().catch(() => undefined);
  events.on('error', () => undefined); // the look-ups say it, and go on
  for (const ended of ['completed', 'failed', 'removed'] as const) events.on(ended, ({ jobId }: { jobId: string }) => { onEvent(jobId); });
  return {
    heard: async ({ signal, lookUpMs = LOOK_UP_MS }) => {
      await withinMs(lookUpMs, signal, async (enough) => {
        if (!enough.aborted) await Promise.race([ready, once(enough, 'abort')]);
      });
    },
    close: async () => {
      over = true;
      for (const each of [connection, own]) each.disconnect();
      // Of a connection that is being tried again, BullMQ awaits an end that ioredis never tells.
      await withDeadline(events.close(), CLOSE_MS).catch(() => undefined);
    },
  };
}

async function lookUntilEnded(
  queues: QueueSet,
  open: Set<string>,
  hints: Hints,
  onEnded: (ended: Ended) => void,
  { signal, outageMs = Infinity, onOutage, lookUpMs = LOOK_UP_MS }: WatchOptions,
): Promise<void> {
  let awaySince: number | null = null;
  let look: readonly string[] = [...open]; // ended before we listened
  while (signal?.aborted !== true) {
    try {
      await withDeadline(reportEnded(queues, look, open, onEnded), ANSWER_MS);
      awaySince = null;
    } catch (thrown) {
      if (awaySince === null) onOutage?.(thrown);
      awaySince ??= performance.now();
      if (performance.now() - awaySince >= outageMs) throw thrown;
    }
    if (open.size === 0) return;
    const hinted = await hints.take(lookUpMs);
    look = hinted.length > 0 && awaySince === null ? hinted : [...open];
  }
}

/** Ids of jobs that may have ended, awaited for a while. */
class Hints {
  readonly #ids: string[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onStop = (): void => { this.#wake(); };
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onStop);
  }

  add(jobId: string): void {
    this.#ids.push(jobId);
    this.#wake();
  }

  /** All that came so far, or what comes first within `ms`. */
  async take(ms: number): Promise<string[]> {
    if (this.#ids.length === 0 && this.#signal?.aborted !== true) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
    }
    return this.#ids.splice(0);
  }

  dispose(): void {
    this.#signal?.removeEventListener('abort', this.#onStop);
  }
}

async function reportEnded(queues: QueueSet, look: readonly string[], open: Set<string>, onEnded: (ended: Ended) => void): Promise<void> {
  for (const jobId of look) {
    if (!open.has(jobId)) continue;
    const ended = await endOf(queues, jobId);
    if (ended !== null && open.delete(jobId)) onEnded(ended); // a look-up given up earlier may have said it
  }
}

/** A question asked while the connection is down may wait for the next connection, whatever the connection's own limits are. */
async function withDeadline(asking: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${ms} ms`)); }, ms);
  });
  try {
    await Promise.race([asking, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function endOf(queues: QueueSet, jobId: string): Promise<Ended | null> {
  const job: Job | undefined = await queues.backup.getJob(jobId);
  if (job === undefined) return { jobId, state: 'failed', reason: 'JOB_GONE: the job is not in the queue any more', returnValue: null };
  if (job.finishedOn === undefined) return null;
  const failed = await job.isFailed();
  const returnValue: unknown = job.returnvalue;
  return { jobId, state: failed ? 'failed' : 'completed', reason: failed ? await rootReason(queues, job.failedReason) : null, returnValue };
}
