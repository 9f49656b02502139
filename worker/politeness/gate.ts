import { DelayedError, type Job } from 'bullmq';
import type { Logger } from 'pino';
import type { Config } from '../../shared/config/config.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { PARK_REASONS, type ParkReason, type Places } from '../../shared/limits/places.js';
import type { Metrics } from '../../shared/metrics/metrics.js';
import { parkedKey } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { HostStanding } from '../supervise/standing.js';
import type { LiveLimits } from './live-limits.js';
import { entryOf, waitsForWindowMs, type Entry } from '../../shared/limits/may-start.js';

export interface GateParts {
  readonly config: Config;
  readonly queues: QueueSet;
  readonly limits: LiveLimits;
  readonly places: Places;
  readonly standing: Pick<HostStanding, 'holds'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** Gives back what a job holds; call it when the job has ended. */
export type Leave = () => Promise<void>;

/** A parked job is woken when there is room; should that have been missed (its holder died), it looks by itself after this, ms. */
const LOOK_AGAIN_MS = 60_000;
const RENEW_EVERY_MS = 60_000;

const NOTHING: Leave = () => Promise.resolve();

/**
 * Lets jobs that read a source start only within the windows of its topdir, while a place of it is free and while it is not known to hang. One that may not start now is parked: it gives
 * its slot back at once, spends no attempt, keeps its priority, and is woken when it may.
 */
export class Gate {
  /** Job id -> topdir, of jobs of this worker that run dar. */
  readonly #running = new Map<string, string>();

  constructor(private readonly parts: GateParts) {}

  /** Returns how to leave. Throws DelayedError when the job was parked. */
  async enter(job: Job, token: string | undefined): Promise<Leave> {
    const entry = entryOf(job as Job<{ topdir?: unknown; priorityClass?: unknown }>);
    if (entry === null) return NOTHING;
    const { limits, places, standing } = this.parts;
    const { topdir } = entry;
    const hangs = standing.holds(topdir, basepathOf(job));
    if (hangs !== null) return this.#park(job, token, entry, hangs, LOOK_AGAIN_MS);
    const waitMs = this.#waitsMs(entry);
    if (waitMs > 0) return this.#park(job, token, entry, 'window', waitMs);
    const limit = entry.takesPlace ? limits.get('concurrency', { topdir }) : null;
    const jobId = String(job.id);
    if (limit !== null && !(await places.enter(topdir, limit, jobId))) return this.#park(job, token, entry, 'concurrency', LOOK_AGAIN_MS);
    if (job.attemptsStarted > 1) await this.#forget(topdir, jobId);
    if (!entry.takesPlace) return NOTHING;
    this.#running.set(jobId, topdir);
    return () => this.#leave(topdir, jobId, limit !== null);
  }

  /** Keeps the places of what runs, until stopped. Begins with what is parked: limits may have changed while no worker ran. */
  start(): () => void {
    const tell = (thrown: unknown): void => { this.parts.logger.warn({ err: toBwError(thrown) }, 'parked jobs not looked after'); };
    this.limitsChanged().catch(tell);
    const timer = setInterval(() => { this.#lookAfter().catch(tell); }, RENEW_EVERY_MS);
    return () => { clearInterval(timer); };
  }

  async #lookAfter(): Promise<void> {
    await this.#renew();
    for (const { path } of this.parts.config.topdirs) await this.parts.places.forgetGone(path);
  }

  /** After limits have changed: what runs counts from now on, and what is parked starts if it may. */
  async limitsChanged(): Promise<void> {
    const { config, limits, places } = this.parts;
    await this.#renew();
    for (const { path: topdir } of config.topdirs) {
      await this.#wake(await places.free(topdir, limits.get('concurrency', { topdir })));
      if (this.#waitsMs({ topdir, inWindowOnly: true, takesPlace: false }) > 0) continue;
      await this.#wakeAll('window', topdir);
    }
  }

  /** After it has changed what hangs: what still does is parked again. */
  async standingChanged(): Promise<void> {
    for (const { path } of this.parts.config.topdirs) for (const reason of ['incident', 'hung'] as const) await this.#wakeAll(reason, path);
  }

  async #wakeAll(reason: ParkReason, topdir: string): Promise<void> {
    const { redis } = this.parts.queues;
    const key = parkedKey(reason, topdir);
    const parked = await redis.zrange(key, '0', '-1');
    if (parked.length > 0) await redis.zrem(key, ...parked);
    await this.#wake(parked);
  }

  #waitsMs(entry: Entry): number {
    const { config, limits, now } = this.parts;
    const { topdir } = entry;
    const timeZone = config.topdirs.find(({ path }) => path === topdir)?.schedule.timezone ?? 'UTC';
    return waitsForWindowMs(entry, limits.get('windows.fulls', { topdir }), timeZone, now().getTime());
  }

  async #park(job: Job, token: string | undefined, entry: Entry, reason: ParkReason, ms: number): Promise<never> {
    const { limits, places, queues, metrics, logger } = this.parts;
    const { topdir } = entry;
    const jobId = String(job.id);
    await job.moveToDelayed(Date.now() + ms, token); // by the clock of the queue, which wakes it
    metrics.jobParked(reason);
    logger.debug({ jobId, topdir, reason, ms }, 'job parked');
    if (reason !== 'concurrency') {
      await queues.redis.zadd(parkedKey(reason, topdir), String(job.priority), jobId);
      // What kept it may have ended since that was asked: whoever woke what was parked did not find it.
      if (!this.#isKept(job, entry, reason)) await this.#wakeOne(parkedKey(reason, topdir), jobId);
    } else await this.#wake(await places.park(topdir, limits.get('concurrency', { topdir }), jobId, job.priority));
    throw new DelayedError(`parked: ${reason}`);
  }

  #isKept(job: Job, entry: Entry, reason: Exclude<ParkReason, 'concurrency'>): boolean {
    return reason === 'window' ? this.#waitsMs(entry) > 0 : this.parts.standing.holds(entry.topdir, basepathOf(job)) === reason;
  }

  async #wakeOne(key: string, jobId: string): Promise<void> {
    await this.parts.queues.redis.zrem(key, jobId);
    await this.#wake([jobId]);
  }

  async #leave(topdir: string, jobId: string, heldPlace: boolean): Promise<void> {
    const { limits, places } = this.parts;
    this.#running.delete(jobId);
    const limit = limits.get('concurrency', { topdir });
    if (!heldPlace && limit === null) return;
    try {
      await this.#wake(await places.leave(topdir, limit, jobId));
    } catch (thrown) {
      // Its lease ends by itself, and who is parked looks again.
      this.parts.logger.warn({ err: toBwError(thrown), topdir }, 'place not given back');
    }
  }

  async #renew(): Promise<void> {
    const { limits, places } = this.parts;
    for (const topdir of new Set(this.#running.values())) {
      if (limits.get('concurrency', { topdir }) === null) continue;
      await places.renew(topdir, [...this.#running].flatMap(([jobId, of]) => (of === topdir ? [jobId] : [])));
    }
  }

  /** It starts by whichever way it came back. */
  async #forget(topdir: string, jobId: string): Promise<void> {
    const { redis } = this.parts.queues;
    await Promise.all(PARK_REASONS.map((reason) => redis.zrem(parkedKey(reason, topdir), jobId)));
  }

  async #wake(jobIds: readonly string[]): Promise<void> {
    for (const jobId of jobIds) {
      const job = await this.parts.queues.backup.getJob(jobId);
      // One that is not delayed any more came back by itself, or was removed.
      await job?.promote().catch(() => undefined);
    }
  }
}

function basepathOf(job: Job): string {
  return (job.data as { basepathId?: string }).basepathId ?? '';
}
