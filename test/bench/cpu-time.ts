import { readFileSync } from 'node:fs';

/** Processor time used so far, ms. */
export interface CpuTime {
  readonly nodeMs: number;
  /** Programs: those that have ended, and those that run (Redis, what starts programs for this process, with theirs). */
  readonly childrenMs: number;
}

/** USER_HZ, 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export function cpuTime(): CpuTime {
  const { user, system } = process.cpuUsage();
  return { nodeMs: (user + system) / 1000, childrenMs: endedMs('self') + runningMs(process.pid) };
}

/** All processes below one, each with those it has waited for. */
function runningMs(parent: number): number {
  return childrenOf(parent).reduce((sum, pid) => sum + ownMs(String(pid)) + endedMs(String(pid)) + runningMs(pid), 0);
}

function childrenOf(pid: number): number[] {
  const text = readOrEmpty(`/proc/${pid}/task/${pid}/children`).trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Fields after the name, which may hold blanks: utime, stime, cutime, cstime are 14 to 17 of proc(5). */
function statFields(pid: string): string[] {
  return readOrEmpty(`/proc/${pid}/stat`).replace(/^.*\) /, '').split(' ');
}

function ownMs(pid: string): number {
  const fields = statFields(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
}

function endedMs(pid: string): number {
  const fields = statFields(pid);
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * TICK_MS;
}

/** Empty for a process that has just ended: what it used is its parent's by then. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

export function cpuSince(before: CpuTime): CpuTime {
  const now = cpuTime();
  return { nodeMs: now.nodeMs - before.nodeMs, childrenMs: now.childrenMs - before.childrenMs };
}
