import { CLEANUP_PRIORITY } from '../queues/priorities.js';
import { JOB_VERSION, type SweepJob } from '../queues/job-data.js';
import type { QueueSet } from '../queues/queue-set.js';
import type { RunStore } from './run-store.js';

type EndedBackup = Pick<SweepJob, 'backupId' | 'basepathId'>;

/**
 * Orders the leftovers of an ended backup removed: staging on every host that worked for it, then work
 * directory and orphan objects. Deterministic job ids: ordering twice has one effect, but for another `late`, which names
 * what came after the first sweep. `delay`: not before, ms.
 */
export async function orderSweeps(queues: QueueSet, runs: RunStore, backup: EndedBackup, late = '', delay = 0): Promise<void> {
  await orderStagingSweeps(queues, runs, { id: backup.backupId, basepathId: backup.basepathId }, late, delay);
  const data: SweepJob = { v: JOB_VERSION, backupId: backup.backupId, basepathId: backup.basepathId };
  await queues.erasing.add('sweep-backup', data, { priority: CLEANUP_PRIORITY, delay, jobId: sweepJobId('sweep-backup', backup.backupId, late) });
}

/** Orders the staging of an ended backup or restore removed, on every host that worked for it. */
export async function orderStagingSweeps(queues: QueueSet, runs: RunStore, run: { readonly id: string; readonly basepathId: string }, late = '', delay = 0): Promise<void> {
  const data: SweepJob = { v: JOB_VERSION, backupId: run.id, basepathId: run.basepathId };
  for (const host of await runs.hosts(run.id)) {
    await queues.cleanupOf(host).add('sweep-staging', data, { priority: CLEANUP_PRIORITY, delay, jobId: sweepJobId('sweep-staging', run.id, late) });
  }
}

export function sweepJobId(name: 'sweep-backup' | 'sweep-staging', id: string, late = ''): string {
  return `${name}.${id}${late}`;
}
