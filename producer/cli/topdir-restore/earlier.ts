import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalProblem } from '../../../shared/journal/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { parseJob, restoreJobSchema, type RestoreJob } from '../../../shared/queues/job-data.js';
import { restoresInto } from '../../../shared/runs/restores-on-record.js';
import { decide, type Decision } from '../../../shared/topdir-restore/decide.js';
import type { SeenTopdirRestore } from '../../../shared/topdir-restore/store.js';
import type { Session } from '../session.js';
import type { PlannedBasepath } from './tally.js';

/** What is to do of each basepath, from what earlier starts left: in the journal, in the queue and on disk. `since`: of the first start, ISO. */
export async function decider(session: Session, target: string, since: string, previous: SeenTopdirRestore | null): Promise<(basepath: PlannedBasepath) => Promise<Decision>> {
  const below = bytePath.fromText(`${target}/`);
  const onProblem = (problem: JournalProblem): void => { session.logger.warn({ problem }, 'journal line not usable'); };
  const earlier = await restoresInto(session.catalog.journalDir, (path) => path.startsWith(below), onProblem);
  const running = await openRestores(session, previous);
  return async ({ basepathId, name, backup: { backupId } }) => {
    const directory = join(target, name);
    return decide({
      basepathId,
      backupId,
      earlier: earlier.get(bytePath.fromText(directory)) ?? null,
      running: running.get(directory) ?? null,
      directory: await stat(directory, { bigint: true }).then((info) => (info.isDirectory() ? info.ino.toString() : null), () => null),
      since,
    });
  };
}

/** Directory -> the restore into it that waits or runs. Those that were ordered and have not begun are known from who ordered them. */
async function openRestores({ runs, queues }: Session, previous: SeenTopdirRestore | null): Promise<Map<string, { restoreId: string; backupId: string }>> {
  const begun = (await runs.running()).filter(({ kind }) => kind === 'restore').map(({ jobId }) => jobId);
  const ordered = Object.values(previous?.running ?? {}).map((restoreId) => `restore.${restoreId}`);
  const open = new Map<string, { restoreId: string; backupId: string }>();
  for (const jobId of new Set([...begun, ...ordered])) {
    const job = await queues.backup.getJob(jobId);
    if (job === undefined || job.finishedOn !== undefined) continue;
    const { target, restoreId, backupId }: RestoreJob = parseJob(restoreJobSchema, job.data, job.id);
    open.set(target, { restoreId, backupId });
  }
  return open;
}
