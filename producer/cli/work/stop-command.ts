import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { sendOrders } from '../../../shared/orders/order.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { activeJobs } from '../../preemption/active-jobs.js';
import { cancelRun } from '../../preemption/cancel.js';
import { stopOrder } from '../../preemption/preempt.js';
import { operatorName, withJournal } from '../removal/operator.js';
import { plural, print, printJson } from '../print.js';
import type { Session, StartLocal } from '../session.js';
import type { CommonOptions } from '../site.js';
import { withSession } from './drain-command.js';
import { stopOutput } from './outputs.js';

/** `bw-bkup preempt BACKUP|HOST`: what runs of it gives its slot to what waits with a higher class, keeps what it saved, and goes on later. */
export async function preemptCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const run = await findRun(session, name);
    const jobs = (await activeJobs(session.queues)).filter(({ runId, host }) => (run === null ? host === name : runId === run.id));
    if (run === null && jobs.length === 0) throw notRunning(name);
    const stopped = jobs.map(({ jobId }) => jobId);
    await sendOrders(session.queues.redis, stopped.map((jobId) => stopOrder(jobId, 'preempted')));
    if (options.json === true) printJson(stopOutput, { v: 1, runId: run?.id ?? null, host: run === null ? name : null, cancelled: false, stopped });
    else print(stopped.length === 0 ? 'Nothing of it runs now.' : `${plural(stopped.length, 'job')} told to stop: what it saved is kept, and it goes on when nothing of a higher class waits.`);
    return EXIT.ok;
  });
}

/** `bw-bkup cancel BACKUP`: it ends as failed, and nothing of it is kept. */
export async function cancelCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const run = await findRun(session, name);
    if (run === null) throw notRunning(name);
    const message = `cancelled by ${operatorName() ?? 'an operator'}`;
    const { queues, runs, config } = session;
    const stopped = await withJournal(session, (journal) => cancelRun({ queues, runs, journal, config, now: () => new Date() }, run, message));
    if (options.json === true) printJson(stopOutput, { v: 1, runId: run.id, host: null, cancelled: true, stopped });
    else print(`${run.kind} ${run.id} of ${run.basepathId}: cancelled. What it left is removed; the next scheduled run is not touched.`);
    return EXIT.ok;
  });
}

/** By the first letters of its id, of those that have not ended. */
async function findRun({ runs }: Session, name: string): Promise<Run | null> {
  const found = (await runs.running()).filter(({ id }) => name.length >= SHORTEST && id.startsWith(name.toUpperCase()));
  if (found.length > 1) throw ambiguous(name, found);
  return found[0] ?? null;
}

/** Letters of an id that a person may give. */
const SHORTEST = 6;

function notRunning(name: string): BwError {
  return new BwError('NOT_RUNNING', {
    message: 'no backup or restore with this id is waiting or running, and nothing runs on a host of this name',
    subject: name,
    retry: 'permanent',
    hint: 'See `bw-bkup status` for what runs.',
  });
}

function ambiguous(name: string, found: readonly Run[]): BwError {
  return new BwError('BACKUP_AMBIGUOUS', {
    message: 'several that run have an id that begins like this',
    subject: name,
    detail: found.map(({ id }) => id).join('\n'),
    retry: 'permanent',
    hint: 'Give more letters of it.',
  });
}
