import { DelayedError, UnrecoverableError } from 'bullmq';
import { createLogger } from '../../../../shared/logging/index.js';
import { closedBreaker, label, type Breaker, type Resource } from '../../../../shared/breaker/breaker.js';
import type { BreakerStore, ParkedJob } from '../../../../shared/breaker/breaker-store.js';
import type { BwError } from '../../../../shared/errors/bw-error.js';
import { backoffMs, TIMING } from '../../../../shared/queues/options.js';
import { priorityOf } from '../../../../shared/queues/priorities.js';
import { Breakers } from '../../../../worker/breaker/breakers.js';
import { unlessOut } from '../../../../worker/breaker/unless-out.js';
import { runJob, type JobRun } from '../../../../worker/processor/run-job.js';

/** A job as the simulated queue keeps it. */
interface SimulatedJob {
  readonly id: string;
  readonly name: 'shard' | 'send' | 'backup';
  readonly queue: string;
  readonly priority: number;
  readonly data: { readonly topdir?: string };
  readonly bytes: number;
  readonly opts: { readonly attempts: number };
  attemptsMade: number;
  state: 'waiting' | 'done' | 'dead';
  /** Not before, ms. */
  notBefore: number;
  moveToDelayed(timestamp: number): Promise<void>;
}

export interface SimulatedHost {
  readonly name: string;
  readonly breakers: Breakers;
  /** Bytes. */
  staged: number;
  readonly alive: (nowMs: number) => boolean;
}

export interface SiteOptions {
  /** Fake time, ms. */
  readonly now: () => number;
  readonly hosts: readonly { readonly name: string; readonly alive: (nowMs: number) => boolean }[];
  /** What is wrong with a thing at this time, as a job and a look see it. */
  readonly trouble: (resource: Resource, host: string) => BwError | null;
  /** What one job alone meets. */
  readonly troubleOf?: (jobId: string) => BwError | null;
  readonly budgetBytes: number;
  readonly random: () => number;
}

export const LTS: Resource = { kind: 'lts', name: 'tape' };
export const MOUNT: Resource = { kind: 'mount', name: '/u' };
const SLOTS = 2;
const ATTEMPTS = 4;
const HIGH_WATER = 0.8;
const SILENT = createLogger({ level: 'fatal', format: 'json', host: 'simulated', component: 'test' });

/** What a site does with its jobs, by the product's own decisions on a fake clock; only the queue and the work itself are simulated. */
export class SimulatedSite {
  readonly jobs: SimulatedJob[] = [];
  readonly hosts: readonly SimulatedHost[];
  readonly alarms: string[] = [];
  looks = 0;
  peakStaged = 0;
  readonly #store = new MemoryBreakers();
  readonly #done: string[] = [];

  constructor(readonly options: SiteOptions) {
    this.hosts = options.hosts.map((host) => ({ ...host, staged: 0, breakers: this.#breakersOf(host.name) }));
    for (const { breakers } of this.hosts) breakers.start({ firstMs: TIMING.firstBackoffMs, mostMs: TIMING.maxBackoffMs })();
  }

  add(name: SimulatedJob['name'], id: string, queue: string, bytes: number): void {
    const priority = priorityOf('incremental', name === 'backup' ? 'seal' : 'shard');
    const job: SimulatedJob = {
      ...{ id, name, queue, priority, bytes, data: { topdir: MOUNT.name }, opts: { attempts: ATTEMPTS }, attemptsMade: 0, state: 'waiting', notBefore: 0 },
      moveToDelayed: (timestamp) => {
        job.notBefore = timestamp;
        return Promise.resolve();
      },
    };
    this.jobs.push(job);
  }

  /** Everybody looks around once, and does what may be done. */
  async step(): Promise<void> {
    for (const host of this.hosts) {
      if (!host.alive(this.options.now())) continue;
      await host.breakers.round();
      for (const queue of ['backup', `transfer-${host.name}`]) {
        const ready = this.jobs.filter((job) => job.queue === queue && job.state === 'waiting' && job.notBefore <= this.options.now());
        for (const job of ready.slice(0, SLOTS)) await this.#take(host, job);
      }
      this.peakStaged = Math.max(this.peakStaged, host.staged);
    }
  }

  async #take(host: SimulatedHost, job: SimulatedJob): Promise<void> {
    const run = this.#runOf(job);
    try {
      await runJob(run, () => unlessOut(host, run, job.queue, () => this.#work(host, job)));
      job.state = 'done';
      if (this.#done.includes(job.id)) throw new Error(`${job.id} was done twice`);
      this.#done.push(job.id);
    } catch (thrown) {
      if (thrown instanceof DelayedError) return;
      job.attemptsMade += 1;
      if (thrown instanceof UnrecoverableError || job.attemptsMade >= ATTEMPTS) job.state = 'dead';
      else job.notBefore = this.options.now() + backoffMs(job.attemptsMade, this.options.random);
    }
  }

  #work(host: SimulatedHost, job: SimulatedJob): Promise<void> {
    const needed = job.name === 'shard' ? MOUNT : LTS;
    const trouble = this.options.troubleOf?.(job.id) ?? this.options.trouble(needed, host.name);
    if (trouble !== null) return Promise.reject(trouble);
    if (job.name === 'shard') {
      host.staged += job.bytes;
      this.add('send', `send.${job.id}`, `transfer-${host.name}`, job.bytes);
    } else if (job.name === 'send') {
      host.staged -= job.bytes;
      this.add('backup', `seal.${job.id}`, 'backup', 0);
    }
    return Promise.resolve();
  }

  #runOf(job: SimulatedJob): JobRun {
    const never = new AbortController().signal;
    return { job: job as unknown as JobRun['job'], token: 't', signal: never, hurry: never, giveWay: () => Promise.resolve(), stop: () => undefined, maxPauseMs: 0, logger: SILENT };
  }

  #breakersOf(name: string): Breakers {
    const { now, trouble, budgetBytes } = this.options;
    const logger = createLogger({ level: 'fatal', format: 'json', host: name, component: 'test' });
    logger.error = ((_: unknown, message: string) => { this.alarms.push(`${name}: ${message}`); }) as typeof logger.error;
    return new Breakers({
      store: this.#store,
      surroundings: { host: name, lts: [LTS.name] },
      probe: {
        knows: () => true,
        look: (resource) => {
          this.looks += 1;
          const seen = trouble(resource, name);
          return seen === null ? Promise.resolve() : Promise.reject(seen);
        },
      },
      wake: ({ jobId }) => {
        const job = this.jobs.find(({ id }) => id === jobId);
        if (job !== undefined) job.notBefore = 0;
        return Promise.resolve();
      },
      isStagingHigh: () => Promise.resolve((this.hosts.find((host) => host.name === name)?.staged ?? 0) >= budgetBytes * HIGH_WATER),
      roomBytes: 0,
      metrics: { jobParked: () => undefined },
      logger,
      now: () => new Date(now()),
    });
  }
}

/** As Redis keeps them. */
class MemoryBreakers implements BreakerStore {
  readonly #breakers = new Map<string, Breaker>();
  readonly #parked = new Map<string, Map<string, ParkedJob>>();

  all(): Promise<Breaker[]> {
    return Promise.resolve([...this.#breakers.values()]);
  }

  change(resource: Resource, change: (breaker: Breaker) => Breaker): Promise<{ before: Breaker; after: Breaker }> {
    const before = this.#breakers.get(label(resource)) ?? closedBreaker(resource);
    const after = change(before);
    if (after !== before) this.#breakers.set(label(resource), after);
    return Promise.resolve({ before, after });
  }

  forget(breaker: Breaker): Promise<void> {
    this.#breakers.delete(label(breaker));
    return Promise.resolve();
  }

  park(resource: Resource, job: ParkedJob): Promise<void> {
    this.#at(resource).set(job.jobId, job);
    return Promise.resolve();
  }

  unpark(resource: Resource, count: number): Promise<ParkedJob[]> {
    const parked = this.#at(resource);
    const taken = [...parked.values()].slice(0, count);
    for (const { jobId } of taken) parked.delete(jobId);
    return Promise.resolve(taken);
  }

  countParked(resource: Resource): Promise<number> {
    return Promise.resolve(this.#at(resource).size);
  }

  #at(resource: Resource): Map<string, ParkedJob> {
    const parked = this.#parked.get(label(resource)) ?? new Map<string, ParkedJob>();
    this.#parked.set(label(resource), parked);
    return parked;
  }
}
