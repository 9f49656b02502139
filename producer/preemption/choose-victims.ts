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
  /** In a slot that fulls never take, that takes nothing more, or of a host that is dead: stopping it would help nobody, and if it was told to stop, nobody waits for that. */
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

/** These give way to whoever preempts. */
const FIRST_VICTIMS: ReadonlySet<PriorityClass> = new Set(['incremental', 'overdue-incremental']);
/** These too, to restores alone. */
const LAST_VICTIMS: ReadonlySet<PriorityClass> = new Set(['full', 'manual-full']);
/** They wait for nobody. */
const PREEMPTING: ReadonlySet<PriorityClass> = new Set(['restore', 'manual-full', 'full']);

/** From this share on a shard ends by itself about as soon as it could be stopped. */
const ABOUT_TO_FINISH = 0.9;

/**
 * Who is stopped (pure): as many incrementals as fulls and restores wait without any slot, those that are being stopped counted. The least work is lost
 * first; shards about to finish and scans, which keep nothing, are spared where there is another. A backup that was preempted
 * `maxPerBackup` times is left alone. Where this leaves a restore without a slot it gets one of whoever has them, fulls and those at the bound: somebody
 * waits for those files, and restores are few.
 */
export function chooseVictims(waiting: readonly Waiting[], running: readonly Running[], { maxPerBackup }: { readonly maxPerBackup: number }): Running[] {
  const withSlot = new Set(running.map(({ runId }) => runId));
  const withoutSlot = waiting.filter((each) => PREEMPTING.has(each.priorityClass) && !withSlot.has(each.runId));
  const within = running.filter(({ outOfReach, priorityClass }) => !outOfReach && (FIRST_VICTIMS.has(priorityClass) || LAST_VICTIMS.has(priorityClass)));
  const coming = within.filter(({ stopping }) => stopping).length;
  const open = within.filter(({ stopping, kind }) => !stopping && kind !== 'other').sort(byLoss);
  const incrementals = open.filter(({ priorityClass, preemptions }) => FIRST_VICTIMS.has(priorityClass) && preemptions < maxPerBackup);
  const first = withinBounds(incrementals, runsOf(withoutSlot) - coming, maxPerBackup);
  const left = runsOf(withoutSlot.filter(({ priorityClass }) => priorityClass === 'restore')) - coming - first.length; // restores go before fulls
  return [...first, ...open.filter((each) => !first.includes(each)).slice(0, Math.max(0, left))];
}

function runsOf(waiting: readonly Waiting[]): number {
  return new Set(waiting.map(({ runId }) => runId)).size;
}

/** Several shards of one backup count each. */
function withinBounds(sorted: readonly Running[], needed: number, maxPerBackup: number): Running[] {
  const counts = new Map<string, number>();
  const chosen: Running[] = [];
  for (const each of sorted) {
    if (chosen.length >= needed) break;
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
