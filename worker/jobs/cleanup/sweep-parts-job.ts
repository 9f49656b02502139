import { parseJob, sweepPartsJobSchema } from '../../../shared/queues/job-data.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { REPLACEABLE_PREFIX, type TransferBackend } from '../../../shared/transfer/backend.js';
import { DOCTOR_PREFIX, isDoctorLeftover } from '../../../shared/transfer/doctor-objects.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';

/** No transfer of one object takes longer, unless its service pauses it; by the clock of the storage. */
const DEAD_MS = 7 * 86_400_000;
/** The clock of a storage may differ from ours by less, ms. */
const CLOCK_SLACK_MS = 3_600_000;

const DOCTOR = DOCTOR_PREFIX.slice(0, -1);

/** What a `bw-bkup doctor` that was killed has left. */
async function sweepDoctors(context: WorkerContext, backend: TransferBackend): Promise<void> {
  const left: string[] = [];
  for await (const { object } of backend.list(DOCTOR)) if (isDoctorLeftover(object, context.now().getTime())) left.push(object);
  if (left.length > 0) await backend.remove(left);
}

/** What is older belongs to no live task of an LTS: a task may be paused for weeks, and what it has moved by then gets its name when it is over (pure). */
export function deadAgeMs(lts: string, tasks: readonly { readonly lts: string; readonly createdMs: number }[], nowMs: number): number {
  const ages = tasks.filter((task) => task.lts === lts).map(({ createdMs }) => nowMs - createdMs + CLOCK_SLACK_MS);
  return Math.max(DEAD_MS, ...ages);
}

/** Removes what transfers that died long ago left half-written in LTS, below these basepaths: of backups that end, their own cleanup does it. */
export async function sweepPartsJob(context: WorkerContext, run: JobRun): Promise<{ parts: number }> {
  const { basepathIds } = parseJob(sweepPartsJobSchema, run.job.data, run.job.id);
  let parts = 0;
  for (const backend of context.backends) {
    await sweepDoctors(context, backend);
    const ageMs = deadAgeMs(backend.name, (await new TaskStore(context.queues.redis).all()).map(({ task }) => task), context.now().getTime());
    for (const prefix of [...basepathIds, REPLACEABLE_PREFIX.slice(0, -1), DOCTOR]) {
      if (run.signal.aborted) return { parts };
      parts += (await backend.sweepParts?.(ageMs, prefix)) ?? 0;
    }
  }
  if (parts > 0) run.logger.info({ parts }, 'half-written objects of dead transfers removed');
  return { parts };
}
