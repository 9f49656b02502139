import { readFileSync } from 'node:fs';
import { median } from './statistics.js';

const EVERY_MS = 50;

/** Watches the resident memory of a process that somebody else started. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #resident: number[] = [];
  #peak = 0;

  constructor(readonly pid: number) {
    this.#timer = setInterval(() => { this.#look(); }, EVERY_MS);
    this.#look();
  }

  /** VmHWM, kept by the kernel: a look misses only what grew in the last 50 ms of the process. */
  get peakBytes(): number {
    return this.#peak;
  }

  medianBytes(): number {
    return median(this.#resident);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const status = readStatus(this.pid);
    if (status === null) return;
    const field = (name: string): number | null => {
      const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
      return kib === undefined ? null : Number(kib) * 1024;
    };
    const resident = field('VmRSS');
    if (resident !== null) this.#resident.push(resident);
    this.#peak = Math.max(this.#peak, field('VmHWM') ?? 0);
  }
}

function readStatus(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return null; // it has ended: what was seen before stands
  }
}
