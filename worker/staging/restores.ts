import { formatSize } from '../../shared/config/units.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { Latch } from './latch.js';

export interface Reservation {
  /** Its directory in this host's staging, or one below: what lies there is what was reserved. */
  readonly owner: string;
  /** For people. */
  readonly kind: 'restore' | 'verify' | 'copy';
  readonly signal: AbortSignal;
}

export interface StagingRequest {
  readonly id: string;
  readonly bytes: number;
  readonly owner: string;
  readonly granted: Promise<void>;
}

interface Entry extends StagingRequest {
  readonly kind: Reservation['kind'];
  readonly latch: Latch;
}

/** What restores and verifications of this process reserved, and what they wait for, in order. */
export class Restores {
  readonly #waiting = new Map<string, Entry>();
  readonly #granted = new Map<string, Entry>();
  #serial = 0;

  add(bytes: number, { owner, kind }: Reservation): StagingRequest {
    const latch = new Latch();
    const entry: Entry = { id: `r${++this.#serial}`, bytes, owner, kind, granted: latch.opened, latch };
    this.#waiting.set(entry.id, entry);
    return entry;
  }

  remove({ id }: StagingRequest): void {
    this.#waiting.delete(id);
    this.#granted.delete(id);
  }

  grant(ids: ReadonlySet<string>): void {
    for (const id of ids) {
      const entry = this.#waiting.get(id);
      if (entry === undefined) continue;
      this.#waiting.delete(id);
      this.#granted.set(id, entry);
      entry.latch.open();
    }
  }

  /** The first can never be granted: not even an empty filesystem has that much. */
  refuseFirst(room: number): void {
    const [first] = this.#waiting.values();
    if (first === undefined) return;
    this.#waiting.delete(first.id);
    first.latch.fail(tooSmall(first, room));
  }

  /** None of those that wait is granted. */
  refuseAll(error: Error): void {
    for (const { latch } of this.#waiting.values()) latch.fail(error);
    this.#waiting.clear();
  }

  get waiting(): readonly StagingRequest[] {
    return [...this.#waiting.values()];
  }

  get reserved(): number {
    return sum(this.#granted.values());
  }

  get owners(): readonly string[] {
    return [...new Set([...this.#granted.values()].map(({ owner }) => owner))];
  }

  get isEmpty(): boolean {
    return this.#waiting.size + this.#granted.size === 0;
  }
}

function sum(entries: Iterable<StagingRequest>): number {
  return [...entries].reduce((total, { bytes }) => total + bytes, 0);
}

function tooSmall({ bytes, owner, kind }: Entry, room: number): BwError {
  return new BwError('STAGING_TOO_SMALL', {
    message: `a ${kind} needs more room in staging than there is`,
    subject: owner,
    detail: `${formatSize(bytes)} at a time, of ${formatSize(room)} that bw-bkup could have there at most`,
    retry: 'operator',
    hint: 'Free space in the filesystem of staging, or give it a larger one (staging.dir); then start it again.',
  });
}
