import { opensInMs } from './windows.js';
import type { Window } from './windows.js';
import { laneAt } from '../queues/priorities.js';

/** A job as the queue has it. */
export interface AskingJob {
  readonly name: string;
  readonly priority: number;
  readonly data: { readonly topdir?: unknown; readonly priorityClass?: unknown };
}

/** What a job that reads a source asks for before it starts. */
export interface Entry {
  readonly topdir: string;
  /** Begins a full, or a shard of one, that nobody asked for by hand. */
  readonly inWindowOnly: boolean;
  /** Runs dar. */
  readonly takesPlace: boolean;
}

/** Null for jobs that read no source, such as a backup that comes back to be sealed (pure). */
export function entryOf({ name, priority, data: { topdir, priorityClass } }: AskingJob): Entry | null {
  if (typeof topdir !== 'string' || (name !== 'shard' && name !== 'backup')) return null;
  if (name === 'backup' && laneAt(priority)?.seal === priority) return null;
  return { topdir, inWindowOnly: priorityClass === 'full', takesPlace: name === 'shard' };
}

/** Ms until the windows let it start; 0 = now (pure). */
export function waitsForWindowMs(entry: Entry, windows: readonly Window[] | null, timeZone: string, nowMs: number): number {
  return entry.inWindowOnly && windows !== null ? opensInMs(windows, timeZone, nowMs) : 0;
}
