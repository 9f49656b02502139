import { DelayedError, type Job } from 'bullmq';
import type { Logger } from 'pino';
import { afterFailure, afterSuccess, isForEveryone, isForgotten, isOpenFor, label, lookBegins, lookEnds, mayLook, type Breaker, type BreakerTiming, type Resource } from '../../shared/breaker/breaker.js';
import type { BreakerStore, ParkedJob } from '../../shared/breaker/breaker-store.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import { suspectOutage } from '../../shared/errors/outages.js';
import type { Metrics } from '../../shared/metrics/metrics.js';
import type { Probe } from './probes.js';
import { holdsBack, ltsOf, needsToBegin, suspectsOf, type Surroundings } from './needs.js';
import { outage } from './outage.js';

export interface BreakersParts {
  readonly store: BreakerStore;
  readonly surroundings: Surroundings;
  /** Looks at the thing itself. */
  readonly probe: Probe;
  /** Puts a job that waits for its time back into its queue at once. */
  readonly wake: (parked: ParkedJob) => Promise<void>;
  /** Whether staging holds so much that nothing new should come while it cannot leave. */
  readonly isStagingHigh: () => Promise<boolean>;
  /** Free bytes an LTS, or staging, that was full must have: a slice. */
  readonly roomBytes: number;
  readonly metrics: Pick<Metrics, 'jobParked'>;
  readonly logger: Logger;
  readonly now: () => Date;
}

export type ParkableJob = Pick<Job, 'id' | 'name' | 'priority' | 'data' | 'moveToDelayed'>;

/** A worker's own job, and how its queue knows it. */
export interface Asking {
  readonly job: ParkableJob;
  readonly token: string | undefined;
  readonly queue: string;
}

/** A parked job is woken when the outage is over. Should that be missed, it looks by itself: after ms. One host's own outage is no reason for another to wait longer. */
const LOOK_AGAIN_MS = { ofAll: 600_000, ofOneHost: 30_000 } as const;
/** Changes by others are noticed within this, ms, or the first pause of a breaker ten times. */
const ROUND_MS = 2_000;
/** Woken per round trip. */
const WAKE_AT_ONCE = 100;

/**
 * Circuit breakers of what this host's jobs need. A job that fails for an outage, or would, waits without spending an attempt until one host after the other has looked
 * and one found all well again; that is an attempt of the job only when a look at the thing itself finds it well.
 */
export class Breakers {
  #known = new Map<string, Breaker>();
  /** By job the LTS it did without: its success says nothing of them. */
  readonly #missed = new Map<string, readonly string[]>();
  #timing: BreakerTiming = { firstMs: 5_000, mostMs: 600_000 };

  constructor(private readonly parts: BreakersParts) {}

  /** As of the last round. */
  isOpen(resource: Resource): boolean {
    const breaker = this.#known.get(label(resource));
    return breaker !== undefined && isOpenFor(breaker, this.parts.surroundings.host);
  }

  /** Throws DelayedError when the job was parked: something it needs is out. */
  async enter(asking: Asking): Promise<void> {
    const { surroundings, isStagingHigh } = this.parts;
    const out = needsToBegin(asking.job, surroundings).find((each) => this.isOpen(each));
    if (out !== undefined) await this.#park(asking, out);
    const lts = holdsBack(asking.job, surroundings, (each) => this.isOpen(each));
    if (lts !== null && (await isStagingHigh())) await this.#park(asking, lts);
  }

  /** After a job failed: throws DelayedError when that is for an outage, and the job was parked. */
  async judge(asking: Asking, error: BwError): Promise<void> {
    if (error.code === 'OUTAGE' && error.lts !== undefined) await this.#park(asking, ltsOf(error.lts));
    for (const resource of suspectsOf(error, asking.job, this.parts.surroundings)) {
      if (await this.#isOut(resource, asking, error)) await this.#park(asking, resource);
    }
  }

  /** Of work for an LTS that is no job's: whether that is out, which is on record then. */
  async suspect(lts: string, error: BwError, work: string): Promise<boolean> {
    return suspectOutage(error).kinds.includes('lts') && this.#isOut(ltsOf(lts), { job: { id: work }, queue: 'tasks' }, error);
  }

  /** After something failed at an LTS that keeps nobody, since others have it: nothing is parked, but it may be out for whoever needs it. */
  async note(job: Pick<ParkableJob, 'id' | 'name'>, lts: string, error: BwError): Promise<void> {
    if (job.name === 'send') this.#missed.set(String(job.id), [...(this.#missed.get(String(job.id)) ?? []), lts]);
    if (!suspectOutage(error).kinds.includes('lts')) return;
    await this.#isOut(ltsOf(lts), { job, queue: 'copies' }, error);
  }

  /** After a job has done its work. */
  async succeeded({ job }: Asking): Promise<void> {
    const { store, surroundings } = this.parts;
    const missed = this.#missed.get(String(job.id)) ?? [];
    this.#missed.delete(String(job.id));
    const needs = job.name === 'send' ? surroundings.lts.filter((lts) => !missed.includes(lts)).map(ltsOf) : needsToBegin(job, surroundings);
    for (const resource of needs) {
      if ((this.#known.get(label(resource))?.errors.length ?? 0) > 0) await store.change(resource, afterSuccess);
    }
  }

  /** Throws OUTAGE, which parks the job, where an LTS is out: nothing is tried that would only take its time to fail. */
  refuseIfOut(lts: string): void {
    if (this.isOpen(ltsOf(lts))) throw outage(lts);
  }

  /** Rounds until stopped. */
  start(timing: BreakerTiming): () => void {
    this.#timing = timing;
    let [looking, stopped] = [false, false];
    const round = (): void => {
      if (looking) return;
      looking = true;
      this.round()
        .catch((thrown: unknown) => { if (!stopped) this.parts.logger.warn({ err: toBwError(thrown) }, 'outages not looked after'); })
        .finally(() => { looking = false; });
    };
    round();
    const timer = setInterval(round, Math.min(ROUND_MS, timing.firstMs * 10));
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }

  /** Learns what other hosts found, looks where it is this one's turn, and wakes who waits for what is over. */
  async round(): Promise<void> {
    const { store, now, surroundings: { host } } = this.parts;
    const breakers = await store.all();
    const before = this.#known;
    this.#known = new Map(breakers.map((each) => [label(each), each]));
    for (const breaker of breakers) {
      const newest = await this.#lookAt(breaker);
      const old = before.get(label(breaker));
      const goesOn = newest.state === 'closed' || (old !== undefined && isOpenFor(old, host) && !isOpenFor(newest, host));
      if (goesOn) await this.#wakeAll(newest);
      if (newest.state !== 'closed') continue;
      if (isForgotten(newest, now().getTime()) && (await store.countParked(newest)) === 0) await store.forget(newest);
    }
  }

  async #isOut(resource: Resource, { job, queue }: { readonly job: Pick<ParkableJob, 'id'>; readonly queue: string }, error: BwError): Promise<boolean> {
    const { surroundings: { host }, roomBytes, now } = this.parts;
    const { kinds, certain } = suspectOutage(error);
    const seen = certain || this.isOpen(resource) ? error : await this.#look(resource, 0);
    // What the look cannot see is suspected after several jobs; of what a job alone may have met, such as its own directory gone, never.
    if (seen === null && (kinds.length > 1 || (resource.kind !== 'lts' && error.retry !== 'retry'))) return false;
    const cause = causeOf(seen ?? error);
    const failure = { host, job: `${queue}/${String(job.id)}`, cause, proven: seen !== null, forAll: certain && resource.kind === 'lts', needsBytes: certain ? roomBytes : 0 };
    return isOpenFor(await this.#change(resource, (breaker) => afterFailure(breaker, failure, now().getTime(), this.#timing)), host);
  }

  async #lookAt(breaker: Breaker): Promise<Breaker> {
    const { store, surroundings: { host }, now, probe } = this.parts;
    const isTurn = (each: Breaker): boolean => mayLook(each, host, now().getTime());
    if (!isTurn(breaker) || !probe.knows(breaker)) return breaker;
    const { before, after } = await store.change(breaker, (each) => (isTurn(each) ? lookBegins(each, host, now().getTime()) : each));
    if (before === after) return after;
    const seen = await this.#look(breaker, after.needsBytes);
    return this.#change(breaker, (each) => lookEnds(each, host, seen === null ? null : causeOf(seen), now().getTime(), this.#timing));
  }

  /** What a look at the thing itself finds wrong. */
  async #look(resource: Resource, needsBytes: number): Promise<BwError | null> {
    return this.parts.probe.look(resource, needsBytes).then(() => null, toBwError);
  }

  async #change(resource: Resource, change: (breaker: Breaker) => Breaker): Promise<Breaker> {
    const { before, after } = await this.parts.store.change(resource, change);
    this.#known.set(label(after), after);
    this.#tell(before, after);
    return after;
  }

  /** One line when it begins, for all hosts, and one when it is over. */
  #tell(before: Breaker, after: Breaker): void {
    const { logger, now } = this.parts;
    const { kind, name, cause } = after;
    if (before.state === 'closed' && after.state !== 'closed') {
      logger.error({ kind, name, code: cause?.code, cause: cause?.message, hint: cause?.hint, hosts: after.forAll ? 'all' : after.hosts }, 'outage: jobs that need it wait, without spending attempts');
    } else if (before.state !== 'closed' && after.state === 'closed') {
      logger.info({ kind, name, seconds: Math.round((now().getTime() - (before.since ?? 0)) / 1000) }, 'outage over: jobs go on');
    }
  }

  async #park({ job, token, queue }: Asking, resource: Resource): Promise<never> {
    const { store, metrics, logger } = this.parts;
    const breaker = this.#known.get(label(resource));
    const alone = breaker !== undefined && !isForEveryone(breaker);
    const ms = alone ? LOOK_AGAIN_MS.ofOneHost : LOOK_AGAIN_MS.ofAll;
    const jobId = String(job.id);
    await job.moveToDelayed(Date.now() + ms, token); // by the clock of the queue, which wakes it
    metrics.jobParked('outage');
    logger.debug({ jobId, outage: label(resource), ms }, 'job parked');
    await store.park(resource, { queue, jobId });
    throw new DelayedError(`parked: outage of ${label(resource)}`);
  }

  async #wakeAll(resource: Resource): Promise<void> {
    for (;;) {
      const parked = await this.parts.store.unpark(resource, WAKE_AT_ONCE);
      for (const each of parked) await this.parts.wake(each);
      if (parked.length < WAKE_AT_ONCE) return;
    }
  }
}

function causeOf({ code, message, hint }: BwError): Pick<BwError, 'code' | 'message' | 'hint'> {
  return { code, message, hint };
}
