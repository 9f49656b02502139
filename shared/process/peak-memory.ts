import { readFile } from 'node:fs/promises';

/** Dense at first, for programs that end at once; then one reading a second. */
const FIRST_MS = 5;
const LAST_MS = 1000;

export interface PeakMemory {
  /** Highest resident memory so far in bytes; null when the program ended before the first reading. */
  readonly bytes: () => number | null;
  readonly stop: () => void;
}

/**
 * Samples VmHWM of a process. The kernel keeps the peak itself, so a reading misses only what grew after
 * it: exact but for the last second of the program's life.
 */
export function watchPeakMemory(pid: number): PeakMemory {
  let peak: number | null = null;
  let waitMs = FIRST_MS;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const sample = async (): Promise<void> => {
    peak = (await readPeak(pid)) ?? peak;
    if (stopped) return;
    waitMs = Math.min(waitMs * 2, LAST_MS);
    schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void sample(), waitMs);
    timer.unref();
  };
  schedule();
  return {
    bytes: () => peak,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

async function readPeak(pid: number): Promise<number | null> {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null; // it has ended: the last reading stands
  }
}
