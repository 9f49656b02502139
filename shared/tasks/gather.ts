import type { OutboxItem } from './task-record.js';

/** What one host has for one LTS, and what it may do with it. */
export interface GatherFacts {
  readonly items: readonly OutboxItem[];
  /** Tasks alive for this identity, over all hosts, and how many there may be. */
  readonly liveTasks: number;
  readonly maxTasks: number;
  /** By the clock of Redis. */
  readonly nowMs: number;
  /** How long the first task is waited for, that others may come along: ms. */
  readonly patienceMs: number;
}

export interface Gathered {
  /** For one task, the most urgent first; empty: not yet. */
  readonly take: readonly OutboxItem[];
  /** full: there is enough · waited: the oldest has waited long enough · gathering, no-lease, nothing: why not yet. */
  readonly why: 'full' | 'waited' | 'gathering' | 'no-lease' | 'nothing';
}

/** One POST of about 400 kB; also what one transfer job has at most. */
export const MAX_ITEMS = 1_000;
/** Ten terabytes in one task are a day's work of a good line: more would only put off the end of what came first. */
export const MAX_BYTES = 10e12;
/** So much is worth a task however few the files are. */
const ENOUGH_BYTES = 1e12;
/** With each task that is alive others are waited for so many times longer: the last lease is for what is big or old. */
const PATIENCE_PER_TASK = 12;
/** Nothing waits longer than this for company, in first patiences: 10 min of 5 s. */
const MOST_PATIENCE = 120;

/**
 * What goes into the next task of a host (pure). A lone backup goes at once while nothing else is under way; while something is, more is gathered: until there is
 * enough, or the oldest has waited for a time that grows with the tasks alive and is bounded. Only a lease that is not free is waited for as long as it takes.
 */
export function gather({ items, liveTasks, maxTasks, nowMs, patienceMs }: GatherFacts): Gathered {
  if (items.length === 0) return { take: [], why: 'nothing' };
  if (liveTasks >= maxTasks) return { take: [], why: 'no-lease' };
  const take = cut(items.toSorted(moreUrgent));
  const bytes = take.reduce((sum, item) => sum + item.bytes, 0);
  if (bytes >= ENOUGH_BYTES || take.length >= MAX_ITEMS || take.length < items.length) return { take, why: 'full' };
  const oldest = Math.min(...take.map(({ sinceMs }) => sinceMs));
  return nowMs - oldest >= patience(liveTasks, patienceMs) ? { take, why: 'waited' } : { take: [], why: 'gathering' };
}

function patience(liveTasks: number, firstMs: number): number {
  return firstMs * (liveTasks === 0 ? 1 : Math.min(PATIENCE_PER_TASK * liveTasks, MOST_PATIENCE));
}

/** The first always, however big. */
function cut(items: readonly OutboxItem[]): OutboxItem[] {
  const take: OutboxItem[] = [];
  let bytes = 0;
  for (const item of items) {
    if (take.length === MAX_ITEMS || (take.length > 0 && bytes + item.bytes > MAX_BYTES)) break;
    take.push(item);
    bytes += item.bytes;
  }
  return take;
}

function moreUrgent(a: OutboxItem, b: OutboxItem): number {
  return a.priority - b.priority || a.sinceMs - b.sinceMs || (a.object < b.object ? -1 : 1);
}

/** Orders hosts that wait for a lease: lower first. The class goes before the time (a number below 2^53). */
export function urgency(items: readonly OutboxItem[]): number {
  const first = items.toSorted(moreUrgent)[0];
  return first === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(first.priority / CLASS_WIDTH) * 1e13 + first.sinceMs;
}

/** Priorities of one class, as lanes of the backup queue are wide. */
const CLASS_WIDTH = 2 ** 15;
