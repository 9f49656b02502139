import type { Job } from 'bullmq';
import { BwError } from '../../shared/errors/bw-error.js';
import { sendOrders } from '../../shared/orders/order.js';
import { QUEUES } from '../../shared/queues/names.js';
import { failRun, type FailRunParts } from '../../shared/runs/fail-run.js';
import type { Run } from '../../shared/runs/run-store.js';
import { stopOrder } from './preempt.js';

/**
 * Ends a backup or restore that has not ended: on record as failed, with all it left ordered away; waiting jobs of it are removed, running ones told to stop
 * (they would see it within a second by themselves). Returns those that ran when it began. Throws NOTHING_TO_CANCEL when it has ended, or is being sealed.
 */
export async function cancelRun(parts: FailRunParts, run: Run, message: string): Promise<string[]> {
  if (run.kind === 'verify' || run.kind === 'copy') return cancelLook(parts, run, message);
  const job = await parts.queues.backup.getJob(run.jobId);
  const running = job === undefined ? [] : await runningOf(parts, job); // asked now: once it is on record, they may be quicker than we are
  if (!(await failRun(parts, run.id, { code: 'CANCELLED', message }, ['planning', 'saving']))) throw tooLate(run.id);
  const stopped = job === undefined ? [] : await stopJobs(parts, job);
  return [...new Set([...running, ...stopped])];
}

async function runningOf(parts: FailRunParts, job: Job): Promise<string[]> {
  const open = [job, ...(await openChildren(parts, job))];
  const states = await Promise.all(open.map((each) => each.getState()));
  return open.filter((_, i) => states[i] === 'active').map(({ id }) => String(id));
}

/** Of a backup or restore that has ended: removes its job and what that waits for; what runs is told to stop, and returned. */
export async function stopJobs(parts: FailRunParts, job: Job): Promise<string[]> {
  const running = await removeJobs(parts, job);
  await sendOrders(parts.queues.redis, running.map((id) => stopOrder(id, 'cancelled')));
  return running;
}

/**
 * A verification or copy is ended by its job alone: what it reads and stages is not taken away under it, which would look like damage. One that waits between
 * two attempts is ended here. What its schedule still wants comes again.
 */
async function cancelLook(parts: FailRunParts, run: Run, message: string): Promise<string[]> {
  const [name, queue] = run.kind === 'verify' ? [QUEUES.cleanup, parts.queues.cleanup] : [QUEUES.copies, parts.queues.copies];
  const job = await queue.getJob(run.jobId);
  if (job !== undefined && !(await isRemoved(job))) {
    await sendOrders(parts.queues.redis, [{ kind: 'stop', queue: name, jobId: run.jobId, reason: 'cancelled' }]);
    return [run.jobId];
  }
  await failRun(parts, run.id, { code: 'CANCELLED', message });
  return [];
}

/** Removes what waits. The job itself stays while a part of it runs, whose end ends it. Returns ids of what runs. */
async function removeJobs(parts: FailRunParts, job: Job): Promise<string[]> {
  const running: string[] = [];
  for (const child of await openChildren(parts, job)) if (!(await isRemoved(child))) running.push(String(child.id));
  if (running.length === 0 && !(await isRemoved(job))) running.push(String(job.id));
  return running;
}

/** Those in the backup queue; transfers see for themselves that there is nothing to send any more. */
async function openChildren({ queues }: FailRunParts, job: Job): Promise<Job[]> {
  const { unprocessed = [] } = await job.getDependencies();
  const prefix = `${queues.backup.qualifiedName}:`;
  const ids = unprocessed.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  return (await Promise.all(ids.map((id) => queues.backup.getJob(id)))).filter((child) => child !== undefined);
}

/** One that runs is locked, and cannot be. */
async function isRemoved(job: Job): Promise<boolean> {
  return job.remove({ removeChildren: false }).then(() => true, async () => (await job.getState()) === 'unknown');
}

function tooLate(runId: string): BwError {
  return new BwError('NOTHING_TO_CANCEL', {
    message: 'it has ended already, or is just being sealed',
    subject: `run ${runId}`,
    retry: 'permanent',
    hint: 'See `bw-bkup status`. A sealed backup that nobody wants goes with retention, or earlier with `bw-bkup prune`.',
  });
}
