import { readFileSync } from 'node:fs';

/** Processor time used so far, ms. */
export interface CpuTime {
  readonly nodeMs: number;
  /** Programs that were started and have ended, with theirs. */
  readonly childrenMs: number;
}

/** USER_HZ, 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export function cpuTime(): CpuTime {
  const { user, system } = process.cpuUsage();
  // Fields after the name, which may hold blanks: cutime and cstime are 16 and 17 of proc(5).
  const fields = readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) /, '').split(' ');
  return { nodeMs: (user + system) / 1000, childrenMs: (Number(fields[13]) + Number(fields[14])) * TICK_MS };
}

export function cpuSince(before: CpuTime): CpuTime {
  const now = cpuTime();
  return { nodeMs: now.nodeMs - before.nodeMs, childrenMs: now.childrenMs - before.childrenMs };
}
