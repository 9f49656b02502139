import { toBwError } from '../../shared/errors/bw-error.js';
import { darHung, isHung } from '../../shared/watchdog/hung.js';
import type { WorkerContext } from '../context.js';
import type { JobRun } from './run-job.js';

/**
 * Does the work of a job. When it hung, its host is suspected before the job is given back, and the job is stopped for it: it goes back without spending an
 * attempt, because what bounds how often a basepath may hang is on record of its own (shared/hosts). What read its source through clears it.
 */
export async function notingHang<T>({ config, standing }: Pick<WorkerContext, 'config' | 'standing'>, run: JobRun, work: () => Promise<T>): Promise<T> {
  const { topdir, basepathId } = run.job.data as { topdir?: string; basepathId?: string };
  try {
    const result = await work();
    if (run.job.name === 'shard' && basepathId !== undefined) await standing.noteRead(basepathId, run.job.attemptsStarted > 1);
    return result;
  } catch (thrown) {
    const isTold = isHung(toBwError(thrown));
    if (isTold) run.stop('hung');
    if (run.signal.reason !== 'hung' || topdir === undefined || basepathId === undefined) throw thrown;
    await standing.noteHang(topdir, basepathId);
    const timeoutMs = config.topdirs.find(({ path }) => path === topdir)?.dar.inactivityTimeoutMs ?? 0;
    throw isTold ? thrown : darHung(`job ${String(run.job.id)}`, timeoutMs, thrown); // what it had saved is kept
  }
}
