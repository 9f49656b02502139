import { CLEANUP_PRIORITY } from '../queues/priorities.js';
import { JOB_VERSION, type SiteJob } from '../queues/job-data.js';
import type { QueueSet } from '../queues/queue-set.js';

const data: SiteJob = { v: JOB_VERSION };
/** Seals within this time are looked at together, ms. */
const LOOK_MS = 300_000;

/** Orders what describes sealed backups brought into bundles, soon; one order is held at a time, so that one works for the whole site, and one more while it is carried out: what is to be bundled was read before. */
export async function orderMetadataBundles(queues: QueueSet, maxWaitMs: number): Promise<void> {
  await queues.cleanup.add('bundle-metadata', data, { priority: CLEANUP_PRIORITY, delay: Math.min(LOOK_MS, maxWaitMs), deduplication: { id: 'bundle-metadata', keepLastIfActive: true } });
}

/** Orders catalog and journal brought to every LTS that has had them last a day ago or longer. */
export async function orderSnapshot(queues: QueueSet): Promise<void> {
  await queues.erasing.add('snapshot', data, { priority: CLEANUP_PRIORITY, deduplication: { id: 'snapshot' } });
}

/** Orders bundles removed of which nothing is needed any more. */
export async function orderBundleSweep(queues: QueueSet): Promise<void> {
  await queues.erasing.add('sweep-bundles', data, { priority: CLEANUP_PRIORITY, deduplication: { id: 'sweep-bundles', keepLastIfActive: true } });
}
