import type { Job } from 'bullmq';
import type { QueueSet } from '../queues/queue-set.js';
import { sweepJobId } from './order-sweeps.js';
import type { Run, RunStore } from './run-store.js';

/** How long what a backup that failed left (staging, work directory, objects in LTS) is still kept for whoever looks into it, ms; 0 = it may go (pure). */
export function keptForMs(run: Pick<Run, 'phase' | 'keptUntil'> | null, nowMs: number): number {
  if (run?.phase !== 'failed' || run.keptUntil === undefined) return 0;
  return Math.max(0, Date.parse(run.keptUntil) - nowMs);
}

/** Nobody looks into it any more: what is kept of these runs goes now. No effect on those that keep nothing. */
export async function stopKeeping(queues: QueueSet, runs: RunStore, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const run = await runs.read(id);
    if (run?.keptUntil === undefined) continue;
    await runs.update(id, { keptUntil: undefined });
    const sweeps = [...(await runs.hosts(id)).map((host) => [queues.cleanupOf(host), 'sweep-staging'] as const), [queues.erasing, 'sweep-backup'] as const];
    for (const [queue, name] of sweeps) await hurry(await queue.getJob(sweepJobId(name, id)));
  }
}

/** One that is not delayed any more does it already, or has. */
async function hurry(sweep: Job | undefined): Promise<void> {
  await sweep?.promote().catch(async (thrown: unknown) => {
    if (await sweep.isDelayed()) throw thrown;
  });
}
