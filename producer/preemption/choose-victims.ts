import type { PriorityClass } from '../../shared/queues/priorities.js';

/** A job that no worker has taken though it may start: every slot it could have is taken. */
export interface Waiting {
  /** The backup or restore it belongs to. */
  readonly runId: string;
  readonly priorityClass: PriorityClass;
}

/** A job that runs in a slot. */
export interface Running {
  readonly jobId: string;
  readonly runId: string;
  readonly priorityClass: PriorityClass;
  readonly kind: 'shard' | 'scan' | 'other';
  /** In a slot that fulls never take, or that takes nothing more: stopping it would help nobody. */
  readonly outOfReach: boolean;
  /** 0 to 1. */
  readonly share: number;
  /** Read from the source so far; a shard that is stopped keeps most of it. */
  readonly doneBytes: number;
  readonly startedMs: number;
  /** Somebody has stopped it already. */
  readonly stopping: boolean;
  /** How often its backup has been preempted. */
  readonly preemptions: number;
}

/** These give way. */
const VICTIMS: ReadonlySet<PriorityClass> = new Set(['incremental', 'overdue-incremental']);
/** They wait for nobody. */
const PREEMPTING: ReadonlySet<PriorityClass> = new Set(['restore', 'manual-full', 'full']);

/** From this share on a shard ends by itself about as soon as it could be stopped. */
const ABOUT_TO_FINISH = 0.9;

/**
 * Who is stopped (pure): as many incrementals as fulls and restores wait without any slot, those that are being stopped counted. The least work is lost
 * first; shards about to finish and scans, which keep nothing, are spared where there is another. A backup that was preempted
 * `maxPerBackup` times is left alone.
 */
export function chooseVictims(waiting: readonly Waiting[], running: readonly Running[], { maxPerBackup }: { readonly maxPerBackup: number }): Running[] {
  const withSlot = new Set(running.map(({ runId }) => runId));
  const needing = new Set(waiting.filter((each) => PREEMPTING.has(each.priorityClass) && !withSlot.has(each.runId)).map(({ runId }) => runId));
  const incrementals = running.filter(({ outOfReach, priorityClass }) => !outOfReach && VICTIMS.has(priorityClass));
  const needed = needing.size - incrementals.filter(({ stopping }) => stopping).length;
  if (needed <= 0) return [];
  const open = incrementals.filter(({ stopping, kind, preemptions }) => !stopping && kind !== 'other' && preemptions < maxPerBackup);
  return withinBounds(open.sort(byLoss), needed, maxPerBackup);
}

/** Several shards of one backup count each. */
function withinBounds(sorted: readonly Running[], needed: number, maxPerBackup: number): Running[] {
  const counts = new Map<string, number>();
  const chosen: Running[] = [];
  for (const each of sorted) {
    if (chosen.length === needed) break;
    const count = counts.get(each.runId) ?? each.preemptions;
    if (count >= maxPerBackup) continue;
    counts.set(each.runId, count + 1);
    chosen.push(each);
  }
  return chosen;
}

function byLoss(a: Running, b: Running): number {
  return spared(a) - spared(b) || a.doneBytes - b.doneBytes || b.startedMs - a.startedMs || (a.jobId < b.jobId ? -1 : 1);
}

function spared({ kind, share }: Running): number {
  return kind === 'scan' || share >= ABOUT_TO_FINISH ? 1 : 0;
}
