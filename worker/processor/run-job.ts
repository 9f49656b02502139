import { DelayedError, UnrecoverableError, WaitingChildrenError, WaitingError, type Job } from 'bullmq';
import type { Logger } from 'pino';
import { BwError, formatError, toBwError } from '../../shared/errors/bw-error.js';

/**
 * Why a running job was asked to stop. shutdown, drained: its host stops working · preempted: somebody of a higher class needs the slot ·
 * paused-too-long: it waited for room in staging, and others get its slot · cancelled: nobody wants its result · losing-lock: Redis is away, and its lock
 * ends soon: what is open is closed in time · lost-lock: it is, or may be, somebody else's · hung: its dar or scan waits for a filesystem that does not answer.
 */
export type StopReason = 'shutdown' | 'drained' | 'preempted' | 'paused-too-long' | 'cancelled' | 'losing-lock' | 'lost-lock' | 'hung';

export interface JobRun {
  readonly job: Job;
  readonly token: string;
  /** Aborted when the job is asked to stop; its reason is a StopReason. */
  readonly signal: AbortSignal;
  /** Aborted when it must end at once, whatever is lost. */
  readonly hurry: AbortSignal;
  /** Puts this job back to the head of its class. */
  readonly giveWay: () => Promise<void>;
  /** Asks this job to stop. */
  readonly stop: (reason: StopReason) => void;
  /** How long it may wait for room in staging: staging.maxPause. */
  readonly maxPauseMs: number;
  readonly logger: Logger;
}

/** After Redis was full, ms. */
const FULL_AGAIN_MS = 5_000;
/** A stopped job is back after this, ms, with its own turn among others: another worker takes it at once. */
const HAND_BACK_MS = 100;
/**
 * One that waited too long for room stays away for between a sixtieth and a twelfth of staging.maxPause (1 to 5 min of 1 h): its turn is before that of
 * those it is to make way for, and the same host would take it again at once. Not all that waited come back together.
 */
const STAY_AWAY = { least: 1 / 60, most: 1 / 12 };

/**
 * Runs one job and maps how it ended to the queue: stopped work is handed back without spending an attempt,
 * permanent errors end it, everything else is retried with backoff. The queue only ever sees
 * `CODE: message` lines; the log has the rest.
 */
export async function runJob<T>(run: JobRun, work: (run: JobRun) => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    const result = await work(run);
    run.logger.debug({ ms: elapsed(startedAt) }, 'job done');
    return result;
  } catch (thrown) {
    if (thrown instanceof WaitingChildrenError || thrown instanceof DelayedError) throw thrown;
    if (run.signal.aborted) return await handBack(run);
    if (toBwError(thrown).code === 'REDIS_FULL') return await waitForRoom(run);
    throw failed(run, toBwError(thrown), elapsed(startedAt));
  }
}

async function handBack(run: JobRun): Promise<never> {
  const reason = (run.hurry.aborted ? run.hurry.reason : run.signal.reason) as StopReason;
  if (reason === 'cancelled') throw failed(run, cancelled(run), 0);
  run.logger.info({ reason }, 'job stopped and handed back');
  if (reason === 'preempted') {
    await run.giveWay();
    throw new WaitingError();
  }
  // Without its lock the move is refused, which is right: whoever finds the lock gone gives the job to somebody.
  if (reason !== 'lost-lock') await run.job.moveToDelayed(Date.now() + backAfterMs(reason, run.maxPauseMs, Math.random()), run.token).catch(unlessLost(run));
  throw new DelayedError(`stopped: ${reason}`);
}

/** What waits for no room by itself (transactions) comes again when there is some; the move waits for that. No attempt is spent. */
async function waitForRoom(run: JobRun): Promise<never> {
  run.logger.warn('Redis is full: the job comes again when it is not');
  await run.job.moveToDelayed(Date.now() + FULL_AGAIN_MS, run.token);
  throw new DelayedError('Redis is full');
}

function unlessLost(run: JobRun): (thrown: unknown) => void {
  return (thrown) => {
    if (run.hurry.reason !== 'lost-lock' && run.signal.reason !== 'losing-lock') throw thrown;
    run.logger.info({ err: thrown }, 'the job is somebody else\'s by now');
  };
}

/** How long a stopped job stays away, ms (pure). `chance`: 0 to 1. */
export function backAfterMs(reason: StopReason, maxPauseMs: number, chance: number): number {
  if (reason !== 'paused-too-long') return HAND_BACK_MS;
  return Math.max(HAND_BACK_MS, Math.round(maxPauseMs * (STAY_AWAY.least + (STAY_AWAY.most - STAY_AWAY.least) * chance)));
}

function cancelled(run: JobRun): BwError {
  return new BwError('CANCELLED', {
    message: 'an operator cancelled it',
    subject: `job ${String(run.job.id)}`,
    retry: 'permanent',
    hint: 'Nothing to do: nothing of it is kept, and the next scheduled run makes a new one.',
  });
}

function failed(run: JobRun, error: BwError, ms: number): Error {
  const attempt = run.job.attemptsMade + 1;
  run.logger.error({ err: error, code: error.code, attempt, attempts: run.job.opts.attempts, ms }, 'job failed');
  const text = formatError(error);
  return error.retry === 'permanent' ? new UnrecoverableError(text) : new Error(text, { cause: error });
}

function elapsed(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}
