import type { Job } from 'bullmq';
import type { StopReason } from './run-job.js';

/** A job that runs on this worker, and how it is ended early. */
export interface RunningJob {
  readonly job: Job;
  readonly queue: string;
  readonly startedMs: number;
  /** Aborted when it is asked to stop; its reason is a StopReason. */
  readonly signal: AbortSignal;
  /** Aborted when it must end at once, whatever is lost. */
  readonly hurry: AbortSignal;
  /** Asks it to stop: the first reason counts. A job whose lock is lost is hurried too, because nothing of it counts any more. */
  readonly stop: (reason: StopReason) => void;
  readonly hurryUp: (reason: StopReason) => void;
}

/** The jobs that run on this worker: the one place from which they are stopped, whoever wants it. */
export class RunningJobs {
  readonly #running = new Map<string, RunningJob>();
  readonly #refusing = new Map<string, StopReason>();

  /** `ends` takes it off the list again. */
  begin(queue: string, job: Job, nowMs = Date.now()): RunningJob & { readonly ends: () => void } {
    const [stopping, hurrying] = [new AbortController(), new AbortController()];
    const hurryUp = (reason: StopReason): void => {
      stopping.abort(reason);
      hurrying.abort(reason);
    };
    const stop = (reason: StopReason): void => {
      if (reason === 'lost-lock') hurryUp(reason);
      else stopping.abort(reason);
    };
    const running: RunningJob = { job, queue, startedMs: nowMs, signal: stopping.signal, hurry: hurrying.signal, stop, hurryUp };
    const key = keyOf(queue, job.id);
    this.#running.set(key, running);
    const refused = this.#refusing.get(queue);
    if (refused !== undefined) stop(refused);
    const ends = (): void => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    };
    return { ...running, ends };
  }

  /** Stops one; false when it does not run here. */
  stop(queue: string, jobId: string, reason: StopReason): boolean {
    const running = this.#running.get(keyOf(queue, jobId));
    running?.stop(reason);
    return running !== undefined;
  }

  /** Stops what begins on these queues from now on, and with `running` also what runs on them now. */
  refuse(queues: readonly string[], reason: StopReason, { running }: { readonly running: boolean }): void {
    for (const queue of queues) this.#refusing.set(queue, reason);
    if (!running) return;
    for (const each of this.list()) if (queues.includes(each.queue)) each.stop(reason);
  }

  accept(queues: readonly string[]): void {
    for (const queue of queues) this.#refusing.delete(queue);
  }

  /** Ends at once what runs on these queues, or on all (null). */
  hurry(queues: readonly string[] | null, reason: StopReason): void {
    for (const running of this.list()) if (queues === null || queues.includes(running.queue)) running.hurryUp(reason);
  }

  list(): RunningJob[] {
    return [...this.#running.values()];
  }
}

function keyOf(queue: string, jobId: string | undefined): string {
  return `${queue}/${jobId ?? ''}`;
}
