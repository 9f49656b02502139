import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { reconcileRuns, reconcileSite } from '../../../producer/reconcile/reconcile.js';
import type { ReconcileParts } from '../../../producer/reconcile/parts.js';
import type { TestSite } from '../../helpers/site.js';

const EVERY_MS = 300;

export interface Rounds {
  /** One round that compares everything, with long-term storage too. */
  readonly whole: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The rounds of a producer without what it would enqueue: what a worker could not put on record any more is found by them. */
export function startRounds(site: TestSite): Rounds {
  const { config, logger, catalog, queues, journal, runs, now } = site.worker.context;
  const parts: ReconcileParts = { config, logger, catalog, queues, journal, runs, now };
  const over = new AbortController();
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await reconcileRuns(parts);
      await pause(EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  const end = (): Promise<void> => {
    over.abort();
    return running;
  };
  onTestFinished(end);
  const whole = async (): Promise<void> => {
    await reconcileSite(parts, { dryRun: false, basepaths: 'all-with-lts', patienceMs: 5_000 });
  };
  return {
    whole,
    close: async () => {
      await end();
      await whole();
    },
  };
}
