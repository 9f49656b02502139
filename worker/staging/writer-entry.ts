import type { Logger } from 'pino';
import { formatSize } from '../../shared/config/units.js';
import type { Brake } from '../supervise/brake.js';
import type { Verdict, Writer } from './budget.js';
import { Written } from './disk-use.js';
import { Latch } from './latch.js';

/** A dar that is to write to staging. */
export interface WriterSpec {
  /** Where its slices appear, and their base name. */
  readonly dir: string;
  readonly baseName: string;
  /** Of its backup, lower first. */
  readonly priority: number;
  readonly sliceBytes: number;
  /** Of the archive; Infinity where it is more than a slice. */
  readonly expectedBytes: number;
  /** Files that come beside its slices. */
  readonly besideBytes: number;
  readonly brake: Brake;
  /** Gives up waiting for the first room. */
  readonly signal: AbortSignal;
  /** Called once when it has been stopped, or has waited to be started, longer than staging.maxPause. */
  readonly onPausedTooLong: () => void;
}

/** Reason of the brake. */
const REASON = 'staging';
/** One that waited this long goes before every class, ms: incrementals are not held back for days by one full. */
const OVERDUE_MS = 600_000;
/** A shorter pause is not worth a line, ms: with slices that are small beside the budget dar is stopped many times a minute. */
const TOLD_AFTER_MS = 10_000;

/** What the account knows of one dar. Times: ms of a clock that does not jump. */
export class WriterEntry {
  readonly since = Date.now();
  started = false;
  until = 0;
  slack = 0;
  /** Fastest seen so far, bytes per ms; null: not yet. */
  rate: number | null = null;
  #written = 0;
  #seenAt: number | null = null;
  #stoppedAt: number | null;
  #told = { waiting: false, tooLong: false };
  readonly #begin = new Latch();
  #seeing: Written;

  constructor(
    readonly id: string,
    readonly spec: WriterSpec,
    private readonly logger: Logger,
    now: number,
  ) {
    this.#stoppedAt = now; // it waits for its first room
    this.#seeing = new Written(spec.baseName, spec.sliceBytes);
  }

  /** Resolves when it may be started. */
  get begins(): Promise<void> {
    return this.#begin.opened;
  }

  /** It is not to be waited for any more. No effect once it may be started. */
  refuse(error: Error): void {
    this.#begin.fail(error);
  }

  get isStopped(): boolean {
    return this.#stoppedAt !== null;
  }

  pausedMs(now: number): number {
    return this.#stoppedAt === null ? 0 : now - this.#stoppedAt;
  }

  /** What its directory shows, file by file; then `seen`. */
  see(name: string, bytes: number): void {
    this.#seeing.see(name, bytes);
  }

  seen(now: number): void {
    const grown = this.#seeing.bytes - this.#written;
    if (!this.isStopped && this.#seenAt !== null && now > this.#seenAt && grown > 0) this.rate = Math.max(this.rate ?? 0, grown / (now - this.#seenAt));
    this.#seenAt = now;
    this.#written = Math.max(this.#written, this.#seeing.bytes);
  }

  state(now: number): Writer {
    const { priority, sliceBytes, expectedBytes, besideBytes } = this.spec;
    const rank = { overdue: this.pausedMs(now) >= OVERDUE_MS, priority, since: this.since };
    return { id: this.id, rank, started: this.started, sliceBytes, expectedBytes, written: this.#written, until: this.until, slack: this.slack, beside: besideBytes };
  }

  apply({ until, slack, runs }: Verdict, now: number, room: { readonly used: number; readonly limit: number }): void {
    this.until = until;
    this.slack = slack;
    if (runs) this.#go(now);
    else this.#stop(now, room);
  }

  #go(now: number): void {
    if (this.#told.waiting) this.logger.info({ archive: this.spec.baseName, pausedMs: Math.round(this.pausedMs(now)) }, 'there is room in staging again: dar goes on');
    this.#told = { waiting: false, tooLong: false };
    if (this.isStopped) this.#seenAt = now;
    this.#stoppedAt = null;
    this.started = true;
    this.#begin.open();
    this.spec.brake.release(REASON);
  }

  #stop(now: number, { used, limit }: { readonly used: number; readonly limit: number }): void {
    this.#stoppedAt ??= now;
    this.spec.brake.hold(REASON);
    const paused = this.pausedMs(now);
    const facts = { archive: this.spec.baseName, used: formatSize(used), budget: formatSize(limit) };
    if (paused >= TOLD_AFTER_MS && !this.#told.waiting) {
      this.#told.waiting = true;
      this.logger.info(facts, 'staging is used up: dar waits until slices were sent');
    }
  }

  /** Tells whoever started it, once per pause. */
  checkPause(now: number, maxPauseMs: number): void {
    if (this.#told.tooLong || this.pausedMs(now) < maxPauseMs) return;
    this.#told.tooLong = true;
    this.logger.warn({ archive: this.spec.baseName, pausedMs: Math.round(this.pausedMs(now)) }, 'no room in staging for longer than staging.maxPause: its slot is given to others');
    this.spec.onPausedTooLong();
  }
}
