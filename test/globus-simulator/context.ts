import type { CollectionOptions, SimulatorOptions } from './options.js';
import { ApiError } from './api-error.js';
import type { EventRecord, TaskMutable, TaskRecord } from './records.js';
import type { Store } from './store.js';
import type { Switches } from './switches.js';

/** What all parts of the simulator share. */
export class Context {
  constructor(
    readonly options: SimulatorOptions,
    readonly store: Store,
    readonly switches: Switches,
  ) {}

  now(): number {
    return (this.options.now?.() ?? Date.now()) + this.switches.clockOffset;
  }

  /** Throws 404 EndpointNotFound. */
  collection(id: string): CollectionOptions {
    const found = this.options.collections.find((collection) => collection.id === id);
    if (found === undefined) throw new ApiError(404, 'EndpointNotFound', `No such endpoint '${id}'`);
    return found;
  }

  set(task: TaskRecord, set: Partial<TaskMutable>): void {
    this.store.commit({ t: 'set', id: task.id, set });
  }

  event(task: TaskRecord, code: string, details: string, isError = false): void {
    const event: EventRecord = { code, isError, description: code.toLowerCase().replaceAll('_', ' '), details, time: this.now() };
    this.store.commit({ t: 'event', id: task.id, event });
  }
}
