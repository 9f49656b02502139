import type { ProcessIdentity } from './process-start.js';

/** A worker process on record. */
export interface WorkerProcess extends ProcessIdentity {
  /** ULID, of this process alone. */
  readonly incarnation: string;
  readonly host: string;
  /** What the tokens of the locks it takes begin with. */
  readonly lockers: readonly string[];
}

/** Who was heard when, by the clock of Redis. */
export interface Heard {
  readonly nowMs: number;
  /** Since when there was no pause in which nobody at all was heard: before, Redis may have been away. */
  readonly listeningSinceMs: number;
  /** left: it has ended in good order. clockMs: what the clock of its host was when it said so. */
  readonly processes: readonly { readonly process: WorkerProcess; readonly seenMs: number; readonly left?: boolean | undefined; readonly clockMs?: number }[];
}

/** Every worker is heard this often, ms. */
export const BEAT_MS = 10_000;
/** Nobody heard for so long, ms: Redis was away, or everybody was. */
export const PAUSE_MS = 30_000;
/** Who was silent for so long, ms, does not work now: six beats, and more than the time after which a lost connection to Redis is made anew. */
const ALIVE_MS = 60_000;
/** Who was silent for so long, ms, does not come back by itself: a restart, also of the whole host, takes less. */
const GONE_MS = 600_000;

/** For how long no worker of a host was heard, ms (pure): not longer than anybody was listening, also when it was never heard. */
export function silenceOf(host: string, { nowMs, listeningSinceMs, processes }: Heard): number {
  const seen = processes.filter(({ process }) => process.host === host).map(({ seenMs }) => seenMs);
  return Math.max(0, nowMs - Math.max(listeningSinceMs, ...seen));
}

/** Whether a worker may be at work there now. */
export function isHeard(host: string, heard: Heard): boolean {
  return silenceOf(host, { ...heard, processes: heard.processes.filter(({ left }) => left !== true) }) < ALIVE_MS;
}

/** Whether what only that host has is to be made again elsewhere. */
export function isGone(host: string, heard: Heard): boolean {
  return silenceOf(host, heard) >= GONE_MS;
}

/**
 * Whether a process of the same host is dead beyond doubt (pure): the host was booted again, or nothing with its pid and start is there. `startOf`: of its pid now.
 * Not where pids mean something else; then its locks have to end by themselves.
 */
export function isDead(process: WorkerProcess, own: WorkerProcess, startOf: string | null): boolean {
  if (process.host !== own.host || process.incarnation === own.incarnation || own.bootId === '') return false;
  if (process.bootId !== own.bootId) return true;
  return process.pidNamespace === own.pidNamespace && startOf !== process.startedAt;
}
