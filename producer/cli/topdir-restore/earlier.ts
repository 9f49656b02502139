import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalProblem } from '../../../shared/journal/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { parseJob, restoreJobSchema, type RestoreJob } from '../../../shared/queues/job-data.js';
import { restoresInto } from '../../../shared/runs/restores-on-record.js';
import { decide, type Decision, type Known } from '../../../shared/topdir-restore/decide.js';
import type { SeenTopdirRestore } from '../../../shared/topdir-restore/store.js';
import type { Session } from '../session.js';
import type { Site } from '../site.js';
import type { PlannedBasepath } from './tally.js';

export type Earlier = (name: string) => Promise<Pick<Known, 'earlier' | 'directory'>>;

/** What is on record, and on disk, of the basepaths below a directory. */
export async function earlierRestores({ catalog, logger }: Pick<Site, 'catalog' | 'logger'>, target: string): Promise<Earlier> {
  const below = bytePath.fromText(`${target}/`);
  const onProblem = (problem: JournalProblem): void => { logger.warn({ problem }, 'journal line not usable'); };
  const known = await restoresInto(catalog.journalDir, (path) => path.startsWith(below), onProblem);
  return async (name) => {
    const directory = join(target, name);
    const inode = await stat(directory, { bigint: true }).then((info) => (info.isDirectory() ? info.ino.toString() : null), () => null);
    return { earlier: known.get(bytePath.fromText(directory)) ?? null, directory: inode };
  };
}

/** What is to do of each basepath, from what earlier starts left: in the journal, in the queue and on disk. `since`: of the first start, ISO. */
export async function decider(session: Session, target: string, since: string, previous: SeenTopdirRestore | null): Promise<(basepath: PlannedBasepath) => Promise<Decision>> {
  const earlier = await earlierRestores(session, target);
  const running = await openRestores(session, previous);
  return async ({ basepathId, name, backup: { backupId } }) => decide({ basepathId, backupId, running: running.get(join(target, name)) ?? null, since, ...(await earlier(name)) });
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
