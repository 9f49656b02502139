import { toBwError } from '../../shared/errors/bw-error.js';
import { isHung } from '../../shared/watchdog/hung.js';
import type { WorkerContext } from '../context.js';
import type { JobRun } from './run-job.js';

/**
 * Does the work of a job. When it hung, its host is suspected before the job is given back, and the job is stopped for it: it goes back without spending an
 * attempt, because what bounds how often a basepath may hang is on record of its own (shared/hosts). What read its source through clears it.
 */
export async function notingHang<T>({ standing }: Pick<WorkerContext, 'standing'>, run: JobRun, work: () => Promise<T>): Promise<T> {
  const { topdir, basepathId } = run.job.data as { topdir?: string; basepathId?: string };
  try {
    const result = await work();
    if (run.job.name === 'shard' && basepathId !== undefined) await standing.noteRead(basepathId);
    return result;
  } catch (thrown) {
    if (isHung(toBwError(thrown))) run.stop('hung');
    if (run.signal.reason === 'hung' && topdir !== undefined && basepathId !== undefined) await standing.noteHang(topdir, basepathId);
    throw thrown;
  }
}
