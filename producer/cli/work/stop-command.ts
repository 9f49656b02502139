import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { sendOrders } from '../../../shared/orders/order.js';
import type { Run } from '../../../shared/runs/run-store.js';
import { SILENT_MS, TopdirRestores, type SeenTopdirRestore } from '../../../shared/topdir-restore/store.js';
import { activeJobs } from '../../preemption/active-jobs.js';
import { cancelRun } from '../../preemption/cancel.js';
import { cancelQueued, queuedAs, type Queued } from '../../preemption/cancel-waiting.js';
import { stopOrder } from '../../preemption/preempt.js';
import { operatorName, withJournal } from '../removal/operator.js';
import { plural, print, printJson } from '../print.js';
import type { Session, StartLocal } from '../session.js';
import type { CommonOptions } from '../site.js';
import { cancelRestores } from '../topdir-restore/cancel.js';
import { resumeCommand } from '../topdir-restore/options.js';
import { withSession } from './drain-command.js';
import { stopOutput } from './outputs.js';

/** `bw-bkup preempt BACKUP|HOST`: what runs of it gives its slot to what waits with a higher class, keeps what it saved, and goes on later. */
export async function preemptCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const run = await findRun(session, name);
    const jobs = (await activeJobs(session.queues)).filter(({ runId, host }) => (run === null ? host === name : runId === run.id));
    if (run === null && jobs.length === 0) throw await notRunning(session, name);
    const stopped = run?.phase === 'sealing' ? [] : jobs.map(({ jobId }) => jobId); // a moment later its slot is free all the same
    await sendOrders(session.queues.redis, stopped.map((jobId) => stopOrder(jobId, 'preempted')));
    if (options.json === true) printJson(stopOutput, { v: 1, runId: run?.id ?? null, host: run === null ? name : null, cancelled: false, stopped });
    else if (stopped.length === 0) print(run?.phase === 'sealing' ? 'It is being sealed, which takes a moment: nothing was stopped.' : 'Nothing of it runs now: it waits.');
    else print(`${plural(stopped.length, 'job')} told to stop: what it saved is kept, and it goes on when nothing of a higher class waits.`);
    return EXIT.ok;
  });
}

/** `bw-bkup cancel BACKUP`: it ends as failed, and nothing of it is kept. */
export async function cancelCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const whole = await findTopdirRestore(session, name);
    if (whole !== null) return cancelTopdirRestore(session, whole, options);
    const message = `cancelled by ${operatorName() ?? 'an operator'}`;
    const { queues, runs, config } = session;
    const [found, queued] = await findOpen(session, name);
    const ended = await withJournal(session, async (journal) => {
      const parts = { queues, runs, journal, config, now: () => new Date() };
      if (found !== null) return { run: found, stopped: await cancelRun(parts, found, message) };
      return queued === null ? null : cancelQueued(parts, queued, message);
    });
    if (ended === null) throw await notRunning(session, name);
    const { run, stopped } = ended;
    if (options.json === true) printJson(stopOutput, { v: 1, runId: run.id, host: null, cancelled: true, stopped });
    else print(`${run.kind} ${run.id} of ${run.basepathId}: cancelled. What it left is removed; the next scheduled run is not touched.`);
    return EXIT.ok;
  });
}

/** Whoever does it ends it within seconds; where nobody does, its restores are ended here. */
async function cancelTopdirRestore(session: Session, restore: SeenTopdirRestore, options: CommonOptions): Promise<number> {
  const store = new TopdirRestores(session.queues.redis);
  const by = operatorName() ?? 'an operator';
  const stopped = Object.values(restore.running).map((id) => `restore.${id}`);
  await store.cancel(restore.id, by);
  await cancelRestores(session, restore, `cancelled by ${by}`);
  if (restore.silentMs >= SILENT_MS) await store.remove(restore.id);
  if (options.json === true) printJson(stopOutput, { v: 1, runId: restore.id, host: null, cancelled: true, stopped });
  else print(`Restore ${restore.id} of ${restore.topdir} into ${restore.target}: cancelled. What was restored stays. To go on with it: ${resumeCommand(restore)}`);
  return EXIT.ok;
}

async function findTopdirRestore({ queues }: Session, name: string): Promise<SeenTopdirRestore | null> {
  const found = (await new TopdirRestores(queues.redis).all()).filter(({ id }) => name.length >= SHORTEST && id.startsWith(name.toUpperCase()));
  if (found.length > 1) throw ambiguous(name, found);
  return found[0] ?? null;
}

/** By the first letters of its id, of those that have not ended. */
async function findRun({ runs }: Session, name: string): Promise<Run | null> {
  const found = (await runs.running()).filter(({ id }) => name.length >= SHORTEST && id.startsWith(name.toUpperCase()));
  if (found.length > 1) throw ambiguous(name, found);
  return found[0] ?? null;
}

/** The same; or one that waits for its first slot, which has no run yet. */
async function findOpen(session: Session, name: string): Promise<readonly [Run, null] | readonly [null, Queued | null]> {
  const run = await findRun(session, name);
  const queued = name.length < SHORTEST ? [] : (await queuedAs(session.queues, name.toUpperCase())).filter(({ id }) => id !== run?.id);
  if (queued.length + (run === null ? 0 : 1) > 1) throw ambiguous(name, run === null ? queued : [run, ...queued]);
  return run === null ? [null, queued[0] ?? null] : [run, null];
}

/** Letters of an id that a person may give. */
export const SHORTEST = 6;
/** Of ids that begin alike: those of one round of the scheduler do, by the thousand. */
const SHOWN = 20;

/** How it ended is known for a time, by its whole id. */
async function notRunning({ runs }: Session, name: string): Promise<BwError> {
  const ended = await runs.read(name.toUpperCase());
  const how = ended?.phase === 'failed' ? `failed (${ended.error ?? 'nobody knows why'})` : 'is done';
  return new BwError('NOT_RUNNING', {
    message: ended === null ? 'no backup or restore with this id is waiting or running, and nothing runs on a host of this name' : `it has ended already: this ${ended.kind} ${how}`,
    subject: name,
    retry: 'permanent',
    hint: 'See `bw-bkup status` for what runs.',
  });
}

export function ambiguous(name: string, found: readonly { readonly id: string }[]): BwError {
  return new BwError('BACKUP_AMBIGUOUS', {
    message: 'several that wait or run have an id that begins like this',
    subject: name,
    detail: [...found.slice(0, SHOWN).map(({ id }) => id), ...(found.length > SHOWN ? [`and ${found.length - SHOWN} more`] : [])].join('\n'),
    retry: 'permanent',
    hint: 'Give more letters of it.',
  });
}
