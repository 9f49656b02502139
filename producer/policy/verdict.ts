import type { PriorityClass } from '../../shared/queues/priorities.js';
import type { Level } from './level.js';

/** What is to be done about one kind of backup (full, or other) of a basepath, and why. */
export type Verdict =
  /** missed: whole intervals an overdue one is late; it ages upward with them. */
  | { readonly act: 'enqueue'; readonly level: Level; readonly priorityClass: PriorityClass; readonly missed: number; readonly reason: string }
  /** It is due, and kept back. */
  | { readonly act: 'hold'; readonly level: Level; readonly reason: string }
  /** One waits or runs. `missed` of one that waits. */
  | { readonly act: 'in-flight'; readonly level: Level; readonly priorityClass: PriorityClass; readonly missed: number; readonly reason: string }
  | { readonly act: 'nothing'; readonly level: Level | null; readonly reason: string };

export function nothing(reason: string, level: Level | null = null): Verdict {
  return { act: 'nothing', level, reason };
}

export function hold(level: Level, reason: string): Verdict {
  return { act: 'hold', level, reason };
}

export function enqueueFull(reason: string): Verdict {
  return { act: 'enqueue', level: 'full', priorityClass: 'full', missed: 0, reason };
}
