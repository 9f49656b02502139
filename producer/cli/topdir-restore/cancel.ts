import { cancelRun } from '../../preemption/cancel.js';
import type { TopdirRestore } from '../../../shared/topdir-restore/store.js';
import { withJournal } from '../removal/operator.js';
import type { Session } from '../session.js';

/** Ends the restores of a topdir restore that wait or run; what they restored stays, and can be gone on with. Returns how many. */
export async function cancelRestores(session: Session, { running }: Pick<TopdirRestore, 'running'>, message: string): Promise<number> {
  const { queues, runs, config } = session;
  let ended = 0;
  await withJournal(session, async (journal) => {
    for (const restoreId of Object.values(running)) {
      const run = await runs.read(restoreId);
      // One that no worker has taken has no run yet; one that ends in this moment needs nothing.
      if (run === null) await queues.backup.getJob(`restore.${restoreId}`).then((job) => job?.remove()).catch(() => undefined);
      else if (run.phase === 'done' || run.phase === 'failed') continue;
      else await cancelRun({ queues, runs, journal, config, now: () => new Date() }, run, message).catch(() => undefined);
      ended += 1;
    }
  });
  return ended;
}
