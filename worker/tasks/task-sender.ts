import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import { ltsOf } from '../breaker/needs.js';
import type { WorkerContext } from '../context.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { isGone } from '../../shared/hosts/silence.js';
import { mayDrive, pauseMs } from '../../shared/tasks/decide-task.js';
import { gather, urgency } from '../../shared/tasks/gather.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import { leasesOf, newTask } from '../../shared/tasks/new-task.js';
import type { OutboxItem, TaskRecord } from '../../shared/tasks/task-record.js';
import { TaskStore, type LiveTask } from '../../shared/tasks/task-store.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { commitItem } from './commit-item.js';
import { driveTask, type Circumstances, type DriveParts } from './drive-task.js';
import { toTransferItem } from './settle-task.js';
import { wantedOf } from './wanted.js';

export interface SenderTiming {
  /** Between two looks at a task, and the first patience of what waits for one, ms. */
  readonly lookMs: number;
  /** Who holds a task and has not said so for this long is dead, ms. */
  readonly holdMs: number;
}

/** Services meter requests, and tasks take minutes to days. */
export const SENDER_TIMING: SenderTiming = { lookMs: 5_000, holdMs: 60_000 };

type Context = Pick<WorkerContext, 'config' | 'logger' | 'metrics' | 'queues' | 'presence' | 'runs' | 'items' | 'backends' | 'breakers' | 'now'>;

/** A service that does not answer holds up the end of a worker no longer, ms: whoever comes next looks what came of the call. */
const STOP_MS = 10_000;

/** A host that waits for a lease says so this often, ms: three times before it is forgotten. */
const WANT_AGAIN_MS = 10_000;

/**
 * Brings what is in this host's outbox to the asynchronous LTS, in tasks of many slices of several backups; looks after its tasks until they are settled, and after
 * those of hosts that are gone. It is no job: a task takes hours, and outlives whoever began it. Stopping it stops no task.
 */
export class TaskSender {
  readonly #store: TaskStore;
  readonly #outbox: Outbox;
  readonly #backends: readonly TransferBackend[];
  /** Tasks in a step of this process. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #lookedMs = new Map<string, number>();
  readonly #wantedMs = new Map<string, number>();
  /** Keys that were prepared and not used. */
  readonly #spareKeys = new Map<string, string>();
  #isStopping = false;

  constructor(
    private readonly context: Context,
    private readonly timing: SenderTiming = SENDER_TIMING,
    /** Name of this process, as holder of tasks. */
    readonly self: string = ulid(),
  ) {
    this.#store = new TaskStore(context.queues.redis);
    this.#outbox = new Outbox(context.queues.redis);
    this.#backends = context.backends.filter((backend) => backend.capabilities().async);
  }

  /** Rounds until stopped; resolves when no step is under way any more. Another process goes on at once. */
  start(): () => Promise<void> {
    if (this.#backends.length === 0) return () => Promise.resolve();
    let rounding: Promise<void> | null = null;
    const round = (): void => {
      rounding ??= this.round()
        .catch((thrown: unknown) => { if (!this.#isStopping) this.context.logger.warn({ err: toBwError(thrown) }, 'transfer tasks not looked after'); })
        .finally(() => { rounding = null; });
    };
    round();
    const timer = setInterval(round, Math.max(20, this.timing.lookMs / 3));
    const holding = setInterval(() => { void this.#keep().catch(() => undefined); }, this.timing.holdMs / 3);
    return async () => {
      this.#isStopping = true;
      clearInterval(timer);
      await Promise.race([rounding?.then(() => this.idle()) ?? this.idle(), sleep(STOP_MS, undefined, { ref: false })]);
      clearInterval(holding);
      await Promise.all([...this.#lookedMs.keys()].map((id) => this.#store.release(id, this.self))).catch(() => undefined); // else it is found by its time
    };
  }

  /** One step of each task that may be looked after here, then a new one where there is reason to. */
  async round(): Promise<void> {
    await this.#wake(); // left by a process that died
    const live = await this.#store.all();
    const heard = live.some(({ task }) => task.host !== this.context.config.host) ? await this.context.presence.heard() : null;
    for (const each of live) {
      const backend = this.#backends.find(({ name }) => name === each.task.lts);
      const hostIsGone = heard !== null && each.task.host !== this.context.config.host && isGone(each.task.host, heard);
      if (backend !== undefined && this.#mayStep(each, hostIsGone)) this.#step(backend, each.task, { isNew: false, hostIsGone });
    }
    for (const id of this.#lookedMs.keys()) if (!live.some(({ task }) => task.id === id) && !this.#busy.has(id)) this.#lookedMs.delete(id);
    for (const backend of this.#backends) if (!this.#isStopping) await this.#open(backend);
  }

  /** Resolves when the steps under way have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  #mayStep({ task, holder, cancelledBy }: LiveTask, hostIsGone: boolean): boolean {
    if (this.#busy.has(task.id) || !mayDrive(task, { ownHost: this.context.config.host, self: this.self, holder, hostIsGone })) return false;
    return performance.now() - (this.#lookedMs.get(task.id) ?? -Infinity) >= pauseMs(this.timing.lookMs, cancelledBy === null ? task.failures : 0); // somebody waits for that
  }

  #step(backend: TransferBackend, task: TaskRecord, circumstances: Omit<Circumstances, 'cancelledBy'>): void {
    const step = (async (): Promise<void> => {
      if (!(await this.#store.hold(task.id, this.self, this.timing.holdMs))) return;
      const now = await this.#store.read(task.id); // another one may have got on with it until now
      if (now !== null) await driveTask(this.#parts(backend), now.task, { ...circumstances, cancelledBy: now.cancelledBy });
    })()
      .catch((thrown: unknown) => { if (!this.#isStopping) this.context.logger.warn({ err: toBwError(thrown), task: task.id }, 'task not looked after'); })
      .finally(() => {
        this.#lookedMs.set(task.id, performance.now());
        this.#busy.delete(task.id);
      });
    this.#busy.set(task.id, step);
  }

  async #keep(): Promise<void> {
    await Promise.all([...this.#lookedMs.keys(), ...this.#busy.keys()].map((id) => this.#store.hold(id, this.self, this.timing.holdMs)));
  }

  /** A task of what waits, where there is enough of it and a lease. */
  async #open(backend: TransferBackend): Promise<void> {
    const { host } = this.context.config;
    const { name } = backend;
    if (this.context.breakers.isOpen(ltsOf(name)) || (await this.#outbox.count(name, host)) === 0) return;
    const { identity, max } = leasesOf(backend);
    const { live, nowMs } = await this.#store.leases(identity);
    if (live >= max) return this.#want(name, identity, async () => urgency(await this.#free(name, await this.#outbox.all(name, host))));
    const { take } = gather({ items: await this.#free(name, await this.#wanted(name)), liveTasks: live, maxTasks: max, nowMs, patienceMs: this.timing.lookMs });
    if (take.length === 0) return;
    const key = this.#spareKeys.get(name) ?? (await backend.prepare(take.map(toTransferItem)));
    const record = newTask({ lts: name, identity, host, key, createdMs: nowMs }, take);
    const opened = await this.#store.open({ record, items: take, maxTasks: max, urgency: urgency(take), holder: this.self, holdMs: this.timing.holdMs });
    if (opened === 'opened') {
      this.#spareKeys.delete(name);
      this.#step(backend, record, { isNew: true, hostIsGone: false });
      return;
    }
    this.#spareKeys.set(name, key); // nobody knows of it: the next task takes it
    if (opened === 'waits') await this.#want(name, identity, () => Promise.resolve(urgency(take)));
  }

  /** Says now and then that this host waits for a lease: they are given to the most urgent first, over all hosts. */
  async #want(lts: string, identity: string, howUrgent: () => Promise<number>): Promise<void> {
    if (performance.now() - (this.#wantedMs.get(lts) ?? -Infinity) < WANT_AGAIN_MS) return;
    this.#wantedMs.set(lts, performance.now());
    await this.#store.want({ lts, host: this.context.config.host, identity, urgency: await howUrgent() });
  }

  /** What waits and is still wanted; the rest leaves the outbox, and its jobs look for themselves. */
  async #wanted(lts: string): Promise<OutboxItem[]> {
    const { host } = this.context.config;
    const all = await this.#outbox.all(lts, host);
    const wanted = await wantedOf(this.context, host, lts, all);
    if (wanted.length < all.length) {
      const kept = new Set(wanted.map(({ object }) => object));
      const dropped = all.filter(({ object }) => !kept.has(object));
      await this.#outbox.drop(lts, host, dropped.map(({ object }) => object), dropped.map(({ job }) => job));
      await this.#wake();
    }
    return wanted;
  }

  /**
   * Those that no task has. A file may wait on two hosts (one made it, and was stopped; another goes on) and be in a task of one of them: until that is over, which may
   * take days, it holds up nothing else. Then it is sent from here, or not wanted any more.
   */
  async #free(lts: string, items: readonly OutboxItem[]): Promise<OutboxItem[]> {
    const taken = await this.#outbox.inTasks(lts, items.map(({ object }) => object));
    return items.filter(({ object }) => !taken.has(object));
  }

  #parts(backend: TransferBackend): DriveParts {
    const { context } = this;
    return {
      store: this.#store,
      backend,
      self: this.self,
      logger: context.logger,
      nowMs: () => context.now().getTime(),
      commit: (task, item) => commitItem(context, task, item),
      wake: () => this.#wake(),
      wanted: (task, items) => wantedOf(context, task.host, task.lts, items),
      onTrouble: async (task, error) => {
        context.metrics.transferFailed({ lts: task.lts, code: error.code });
        await context.breakers.suspect(task.lts, error, task.id);
      },
    };
  }

  /** One that is not delayed (any more) came back by itself, or was removed. One that runs may just be going to wait: it is woken again until it does not. */
  async #wake(): Promise<void> {
    for (const each of await this.#store.wakes()) {
      const [queue = '', jobId = ''] = each.job.split(' ');
      const job = queue === '' ? undefined : await this.context.queues.named(queue).getJob(jobId);
      const isRunning = (await job?.isActive()) === true;
      await job?.promote().catch(() => undefined);
      if (!isRunning) await this.#store.dropWake(each);
    }
  }
}
