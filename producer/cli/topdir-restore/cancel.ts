import { cancelRun } from '../../preemption/cancel.js';
import { cancelQueued } from '../../preemption/cancel-waiting.js';
import type { TopdirRestore } from '../../../shared/topdir-restore/store.js';
import { withJournal } from '../removal/operator.js';
import type { Session } from '../session.js';

/** Ends the restores of a topdir restore that wait or run; what they restored stays, and can be gone on with. Returns how many. */
export async function cancelRestores(session: Session, { running }: Pick<TopdirRestore, 'running'>, message: string): Promise<number> {
  const { queues, runs, config } = session;
  let ended = 0;
  await withJournal(session, async (journal) => {
    const parts = { queues, runs, journal, config, now: () => new Date() };
    for (const restoreId of Object.values(running)) {
      const run = await runs.read(restoreId);
      // One that no worker has taken has no run yet; one that ends in this moment needs nothing.
      if (run === null) await cancelQueued(parts, { id: restoreId, jobId: `restore.${restoreId}` }, message).catch(() => undefined);
      else if (run.phase === 'done' || run.phase === 'failed') continue;
      else await cancelRun(parts, run, message).catch(() => undefined);
      ended += 1;
    }
  });
  return ended;
}
