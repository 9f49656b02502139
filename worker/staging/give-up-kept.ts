import { keptForMs } from '../../shared/runs/kept.js';
import type { WorkerContext } from '../context.js';

export type KeptParts = Pick<WorkerContext, 'runs' | 'staging' | 'logger' | 'now'>;

/**
 * Removes what the oldest of the backups that failed for good keeps in this host's staging, for room somebody waits for; its work directory stays until its time.
 * Returns how many: 0 or 1.
 */
export async function giveUpKept({ runs, staging, logger, now }: KeptParts): Promise<number> {
  const ids = (await staging.backups()).sort();
  const found = await runs.readAll(ids);
  // What a program that nobody can end may still write to stays, and gives no room.
  const oldest = found.find((run) => run !== null && keptForMs(run, now().getTime()) > 0 && !staging.isHeld(run.id));
  if (oldest === undefined || oldest === null) return 0;
  logger.info({ backupId: oldest.id }, 'staging is needed: what a backup left that failed is kept no longer');
  await staging.removeBackup(oldest.id);
  staging.account.released();
  return 1;
}
