import { drainCleanup } from '../../../bin/drain-cleanup.js';
import type { TestSite } from '../../helpers/site.js';

/** Waits until the cleanup queues have nothing left that is not to be done later. */
export function drained(site: TestSite): Promise<void> {
  return drainCleanup(site.worker.context.queues, site.config.host);
}
