import { uptime } from 'node:os';
import type { QueueTiming } from '../../shared/queues/options.js';
import { lockLimits, lockState, type LockLimits } from './lock-state.js';

export interface KeeperParts {
  /** Extends locks by `lockDurationMs` from now; resolves with the jobs whose lock is not theirs any more. */
  readonly renew: (jobIds: string[], tokens: string[], lockDurationMs: number) => Promise<string[]>;
  readonly timing: Pick<QueueTiming, 'lockDurationMs' | 'lockRenewTimeMs'>;
  /** ms, never set back, and counting while the machine is suspended, which `performance.now()` does not. Default: the time since boot. */
  readonly clock?: () => number;
  readonly onError?: (error: unknown) => void;
}

/** A running job. Its token is of this start only: an earlier start of the same job may still be ending here. */
export interface LockedJob {
  readonly jobId: string;
  readonly token: string;
  /** For how long it has been held at most, ms. */
  readonly heldMs: number;
  /** Redis has not renewed it for long: called once, in time to close what is open. */
  readonly onEnding: () => void;
  /** It may be somebody else's: called once. */
  readonly onEnded: () => void;
}

/** Looks at the locks this often: a hundredth of their duration. */
const LOOKS = 100;
const LOOK_MS = { least: 20, most: 1_000 } as const;

/**
 * Renews the locks of the running jobs of one queue worker, and ends a job before its lock does when Redis does not renew it: a worker that is cut off, suspended
 * or blocked fences itself. BullMQ's own renewal goes by the wall clock, says nothing before Redis is back, and does not know when Redis had the command.
 */
export class LockKeeper {
  readonly #jobs = new Map<string, Entry>();
  readonly #limits: LockLimits;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  constructor(private readonly parts: KeeperParts) {
    this.#limits = lockLimits(parts.timing.lockDurationMs);
    this.#clock = parts.clock ?? ((): number => uptime() * 1_000);
    const everyMs = Math.min(Math.max(parts.timing.lockDurationMs / LOOKS, LOOK_MS.least), LOOK_MS.most);
    this.#timer = setInterval(() => { this.#tick(); }, everyMs);
    this.#timer.unref();
  }

  /** Keeps a job's lock until the returned function is called. */
  begin(job: LockedJob): () => void {
    const entry: Entry = { ...job, sureMs: this.#clock() - Math.max(0, job.heldMs), state: 'held' };
    this.#jobs.set(job.token, entry);
    this.look();
    return () => {
      if (this.#jobs.get(job.token) === entry) this.#jobs.delete(job.token);
    };
  }

  /** Ends what has lost its lock by now; for whoever is about to change something after a pause of unknown length. */
  look(): void {
    const nowMs = this.#clock();
    for (const entry of this.#jobs.values()) proceed(entry, lockState(nowMs, entry.sureMs, this.#limits));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#jobs.clear();
  }

  #tick(): void {
    this.look();
    if (!this.#renewing) void this.#renewDue();
  }

  /** One at a time: a command that Redis does not answer waits until it does, and what it says then is of when it was sent. */
  async #renewDue(): Promise<void> {
    const sentMs = this.#clock();
    const due = [...this.#jobs.values()].filter(({ state, sureMs }) => state !== 'ended' && sentMs - sureMs >= this.parts.timing.lockRenewTimeMs / 2);
    if (due.length === 0) return;
    this.#renewing = true;
    try {
      const lost = await this.parts.renew(due.map(({ jobId }) => jobId), due.map(({ token }) => token), this.parts.timing.lockDurationMs);
      for (const entry of due) {
        if (lost.includes(entry.jobId)) proceed(entry, 'ended');
        else entry.sureMs = sentMs;
      }
    } catch (thrown) {
      this.parts.onError?.(thrown);
    } finally {
      this.#renewing = false;
    }
  }
}

interface Entry extends LockedJob {
  sureMs: number;
  state: 'held' | 'ending' | 'ended';
}

/** A job that was told goes on ending, also when its lock is renewed after all. */
function proceed(entry: Entry, state: Entry['state']): void {
  if (entry.state === 'ended' || state === 'held' || state === entry.state) return;
  entry.state = state;
  if (state === 'ending') entry.onEnding();
  else entry.onEnded();
}
