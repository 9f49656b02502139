import { PREFIX, QUEUES } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { preempt, waitingIds, type PreemptionParts } from './preempt.js';
import type { Running } from './choose-victims.js';

/** How often what waits is looked at, ms: one small command, and nothing more while nothing of these classes waits. */
export const LOOK_EVERY_MS = 150;

/**
 * Looks for fulls and restores that wait. A free slot takes a job within milliseconds: one that was there at the last look and still is
 * has none. So nobody has to know how many slots there are, and of which host.
 */
export class WaitingWatch {
  #seen: ReadonlySet<string> = new Set();

  constructor(private readonly parts: PreemptionParts) {}

  /** One look; returns who was stopped. */
  async look(nowMs = Date.now()): Promise<Running[]> {
    await promoteDue(this.parts.queues, nowMs);
    const ids = await waitingIds(this.parts);
    const still = ids.filter((id) => this.#seen.has(id));
    this.#seen = new Set(ids);
    return still.length === 0 ? [] : preempt(this.parts, still);
  }
}

/** BullMQ's score of a delayed job: when it is due, ms, times this, and the order of coming. */
const SCORE_OF_MS = 0x1000;
const PROMOTED_AT_ONCE = 100;

/** A job that was put off and is due now waits for nothing but a slot. BullMQ sees that only when a worker asks for a job, which none does while all of them work. */
async function promoteDue({ redis, backup }: QueueSet, nowMs: number): Promise<void> {
  const due = await redis.zrange(`${PREFIX}:${QUEUES.backup}:delayed`, '-inf', `(${(nowMs + 1) * SCORE_OF_MS}`, 'BYSCORE', 'LIMIT', 0, PROMOTED_AT_ONCE);
  for (const id of due) await (await backup.getJob(id))?.promote().catch(() => undefined); // a worker was faster
}
