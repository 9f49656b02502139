import type { Context } from './context.js';
import { isFinished, isOpen, type FatalError, type ItemState, type TaskRecord } from './records.js';
import { DAY_MS } from './submit.js';
import { TaskPass } from './task-pass.js';

/** Tasks of one kind that are worked on at once for one user; the others wait as ACTIVE, "Queued". */
export const RUNNING_TASKS = 3;

/** Decides which tasks are worked on, and ends them. `tick` is called whenever something may have changed. */
export class Scheduler {
  readonly #passes = new Map<string, Promise<void>>();
  readonly #stopping = new Map<string, string>();
  readonly #notBefore = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Cancels that were accepted while the switch holds them. */
  readonly #held = new Set<TaskRecord>();
  #closed = false;

  constructor(readonly context: Context) {}

  tick(): void {
    if (this.#closed) return;
    const before = this.#working();
    for (const task of this.context.store.tasks.values()) {
      if (!isFinished(task)) this.#look(task, before);
    }
    for (const task of this.#working()) {
      if (!this.#isFrozen(task) && !this.#passes.has(task.id) && Date.now() >= (this.#notBefore.get(task.id) ?? 0)) this.#start(task);
    }
  }

  isQueued(task: TaskRecord): boolean {
    return task.status === 'ACTIVE' && !task.paused && !this.#working().includes(task);
  }

  /** True: it is cancelled. False: a file is just being copied, it will be. */
  cancel(task: TaskRecord, details: string, fatal: FatalError = { code: 'CANCELED', description: 'canceled' }): boolean {
    if (this.#passes.has(task.id)) {
      this.#stopping.set(task.id, details);
      return false;
    }
    this.#cancelNow(task, details, fatal);
    return true;
  }

  holdCancel(task: TaskRecord): void {
    this.#held.add(task);
  }

  cancelHeld(): void {
    for (const task of this.#held) {
      if (!isFinished(task)) this.cancel(task, 'Canceled by the task owner');
    }
    this.#held.clear();
  }

  /** Stops what is moving, and returns when nothing is. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#passes.values());
  }

  /** In the order of submission, three of each kind for each user. */
  #working(): TaskRecord[] {
    const running = new Map<string, number>();
    return [...this.context.store.tasks.values()].filter((task) => {
      if (task.status !== 'ACTIVE' || task.paused) return false;
      const key = `${task.owner} ${task.type}`;
      const count = (running.get(key) ?? 0) + 1;
      running.set(key, count);
      return count <= RUNNING_TASKS;
    });
  }

  /** What does not depend on moving: deadline, pause, credentials. */
  #look(task: TaskRecord, working: readonly TaskRecord[]): void {
    const { context } = this;
    const now = context.now();
    const states = [task.source, task.destination].flatMap((id) => (id === null ? [] : [context.switches.collection(id)]));
    const inactive = states.some((state) => state.inactive);
    if (inactive !== (task.status === 'INACTIVE')) {
      context.set(task, { status: inactive ? 'INACTIVE' : 'ACTIVE' });
      if (inactive) context.event(task, 'NO_CREDENTIALS', 'no valid credential for the endpoint', true);
    }
    const pause = states.map((state) => state.pauseMessage).find((message) => message !== null);
    if ((pause !== undefined) !== task.paused) this.#pause(task, pause);
    if (now >= task.deadline) this.#end(task, { state: 'expired', fatal: { code: 'EXPIRED', description: 'The task reached its deadline' }, code: 'EXPIRED', details: 'deadline reached' });
    else if (!working.includes(task) && !task.paused && !task.userDeadline && task.deadline < now + DAY_MS - 60_000) context.set(task, { deadline: now + DAY_MS });
  }

  #isFrozen({ type }: TaskRecord): boolean {
    return this.context.switches.frozen.includes(type);
  }

  #pause(task: TaskRecord, message: string | undefined): void {
    const days = message === undefined ? 1 : 90;
    this.context.set(task, { paused: message !== undefined, ...(task.userDeadline ? {} : { deadline: this.context.now() + days * DAY_MS }) });
    this.context.event(task, message === undefined ? 'UNPAUSED' : 'PAUSED', message ?? 'the task goes on');
  }

  #start(task: TaskRecord): void {
    if (task.events.every(({ code }) => code !== 'STARTED')) this.context.event(task, 'STARTED', JSON.stringify({ type: task.type.toLowerCase() }));
    const goOn = (): boolean =>
      !this.#closed && !this.#isFrozen(task) && task.status === 'ACTIVE' && !task.paused && !this.#stopping.has(task.id);
    const pass = this.#pass(task, goOn).finally(() => this.#passes.delete(task.id));
    this.#passes.set(task.id, pass.then(() => { this.tick(); }));
  }

  async #pass(task: TaskRecord, goOn: () => boolean): Promise<void> {
    const { context } = this;
    const before = task.faults;
    const { fatal, moved } = await new TaskPass(context, task, goOn).run();
    if (isFinished(task)) return;
    if (moved > 0 && !task.userDeadline && task.type === 'TRANSFER') context.set(task, { deadline: context.now() + 3 * DAY_MS });
    const cancelled = this.#stopping.get(task.id);
    if (fatal !== null) this.#end(task, { state: 'failed', fatal, code: 'FAILED', details: fatal.description });
    else if (cancelled !== undefined) this.#cancelNow(task, cancelled);
    else if (!task.items.some(isOpen)) this.#succeed(task);
    else if (task.faults > before) this.#retryLater(task);
  }

  #retryLater(task: TaskRecord): void {
    const ms = this.context.options.retryMs ?? 200;
    this.#notBefore.set(task.id, Date.now() + ms);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#notBefore.delete(task.id);
      this.tick();
    }, ms);
    this.#timers.add(timer);
  }

  #succeed(task: TaskRecord): void {
    this.context.event(task, 'SUCCEEDED', JSON.stringify({ bytes_transferred: task.bytesTransferred, files_succeeded: task.items.length }));
    this.context.set(task, { status: 'SUCCEEDED', completionTime: this.context.now(), lastError: null });
  }

  #cancelNow(task: TaskRecord, details: string, fatal: FatalError = { code: 'CANCELED', description: 'canceled' }): void {
    this.#stopping.delete(task.id);
    if (!isFinished(task)) this.#end(task, { state: 'canceled', fatal, code: 'CANCELED', details });
  }

  #end(task: TaskRecord, end: { state: ItemState; fatal: FatalError; code: string; details: string }): void {
    const { context } = this;
    const changes = task.items.flatMap((item, index) => (isOpen(item) ? [[index, end.state, item.size, null] as const] : []));
    if (changes.length > 0) context.store.commit({ t: 'items', id: task.id, changes });
    context.event(task, end.code, end.details, true);
    context.set(task, { status: 'FAILED', completionTime: context.now(), fatalError: end.fatal, lastError: null });
  }
}
