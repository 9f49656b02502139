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
  async look(): Promise<Running[]> {
    const ids = await waitingIds(this.parts);
    const still = ids.filter((id) => this.#seen.has(id));
    this.#seen = new Set(ids);
    return still.length === 0 ? [] : preempt(this.parts, still);
  }
}
