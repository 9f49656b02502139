import { parseJob, sweepPartsJobSchema } from '../../../shared/queues/job-data.js';
import { REPLACEABLE_PREFIX, type TransferBackend } from '../../../shared/transfer/backend.js';
import { DOCTOR_PREFIX, isDoctorLeftover } from '../../../shared/transfer/doctor-objects.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** No transfer of one object takes longer; by the clock of the storage. */
const DEAD_MS = 7 * 86_400_000;

const DOCTOR = DOCTOR_PREFIX.slice(0, -1);

/** What a `bw-bkup doctor` that was killed has left. */
async function sweepDoctors(context: WorkerContext, backend: TransferBackend): Promise<void> {
  const left: string[] = [];
  for await (const { object } of backend.list(DOCTOR)) if (isDoctorLeftover(object, context.now().getTime())) left.push(object);
  if (left.length > 0) await backend.remove(left);
}

/** Removes what transfers that died long ago left half-written in LTS, below these basepaths: of backups that end, their own cleanup does it. */
export async function sweepPartsJob(context: WorkerContext, run: JobRun): Promise<{ parts: number }> {
  const { basepathIds } = parseJob(sweepPartsJobSchema, run.job.data, run.job.id);
  let parts = 0;
  for (const backend of context.backends) {
    await sweepDoctors(context, backend);
    for (const prefix of [...basepathIds, REPLACEABLE_PREFIX.slice(0, -1), DOCTOR]) {
      if (run.signal.aborted) return { parts };
      parts += (await backend.sweepParts?.(DEAD_MS, prefix)) ?? 0;
    }
  }
  if (parts > 0) run.logger.info({ parts }, 'half-written objects of dead transfers removed');
  return { parts };
}
