import type { Job } from 'bullmq';
import { toBwError } from '../../shared/errors/bw-error.js';
import type { BackupJob } from '../../shared/queues/job-data.js';
import { failRun, parseFailedReason } from '../../shared/runs/fail-run.js';
import { rootReason } from '../../shared/runs/root-reason.js';
import type { WorkerContext } from '../context.js';

/** Records jobs that failed for good, beside the queue; the queue's own state does not wait for it. */
export class Failures {
  readonly #open = new Set<Promise<void>>();

  constructor(readonly context: WorkerContext) {}

  add(job: Job, error: Error): void {
    const recording = recordTerminalFailure(this.context, job, error).finally(() => this.#open.delete(recording));
    this.#open.add(recording);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }
}

async function recordTerminalFailure(context: WorkerContext, job: Job, error: Error): Promise<void> {
  const id = runOf(job);
  if (id === undefined || !ROOT_JOBS.has(job.name)) return;
  try {
    if (job.name === 'backup' && (await isSealed(context, job.data as BackupJob))) return; // the seal is what counts: the reconciler puts on record what its job could not
    const reason = parseFailedReason(await rootReason(context.queues, error.message));
    const isOurs = await failRun(context, id, reason);
    if (isOurs && job.name === 'backup') context.metrics.backupFailed({ level: (job.data as BackupJob).level, code: reason.code });
  } catch (thrown) {
    // The producer's sweep of failed jobs reports it again.
    context.logger.error({ err: toBwError(thrown), job: job.id }, 'could not record a failed run');
  }
}

async function isSealed({ catalog }: WorkerContext, { basepathId, backupId }: BackupJob): Promise<boolean> {
  return catalog.readManifest(basepathId, backupId).then(
    () => true,
    (thrown: unknown) => {
      if (toBwError(thrown).code === 'MANIFEST_MISSING') return false;
      throw thrown;
    },
  );
}

/** Jobs that stand for a whole run. */
const ROOT_JOBS: ReadonlySet<string> = new Set(['backup', 'restore', 'verify']);

/** The backup, restore or verification a job belongs to. */
export function runOf(job: Job): string | undefined {
  if (job.name === 'copy') return undefined; // each start of it has one of its own
  const { verifyId, restoreId, backupId } = job.data as { backupId?: string; restoreId?: string; verifyId?: string };
  return verifyId ?? restoreId ?? backupId;
}
