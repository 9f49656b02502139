import { DelayedError } from 'bullmq';
import type { JobRun } from '../../processor/run-job.js';
import type { WorkerContext } from '../../context.js';
import { handOver, waitForTasks } from '../../tasks/hand-over.js';
import { goalOf, hasEnough, stillNeeded } from '../../../shared/copies/enough.js';
import type { BwError } from '../../../shared/errors/bw-error.js';
import { CLEANUP_PRIORITY } from '../../../shared/queues/priorities.js';
import { JOB_VERSION, parseJob, transferJobSchema, type ReleaseJob, type TransferJob } from '../../../shared/queues/job-data.js';
import { keptForMs } from '../../../shared/runs/kept.js';
import { orderSweeps } from '../../../shared/runs/order-sweeps.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import { inOrder, toEnough } from './to-enough.js';
import { sendBundled, splitSmall } from './bundle-slices.js';

/** Less is given back with the rest of the backup's staging when that has ended, which is soon: a job for it would cost more than it frees (unless somebody waits for it). */
export const RELEASE_BYTES = 1024 * 1024;

/**
 * Brings a batch of this host's slices to every LTS they go to, verified there, then orders their staging released. Repeating
 * it has no further effect: committed items are skipped, and the backend adopts what it finds equal.
 */
export async function transferJob(context: WorkerContext, run: JobRun): Promise<{ sent: number }> {
  const data = parseJob(transferJobSchema, run.job.data, run.job.id);
  const isInTasks = async (): Promise<boolean> => (await inTasks(context, data)).length > 0;
  if ((await isInTasks()) && (await hasEnded(context, data))) await waitForTasks(run, async () => !(await isInTasks())); // what a task still brings is swept after it
  if (await isTooLate(context, data, String(run.job.id))) return { sent: 0 };
  const waits = await sendToAll(context, data, run);
  if (waits.size > 0) await waitForBundles(context, data, run, waits);
  const isOver = async (): Promise<boolean> => !(await isWaitedFor(context, data, await inTasks(context, data)));
  if (!(await isOver())) await waitForTasks(run, isOver);
  const isLate = await isTooLate(context, data, String(run.job.id));
  // A task may have ended without some of them after they were handed over, and before the look: the next try is told why.
  if (!isLate && !(await isEnough(context, data))) await waitForTasks(run, () => Promise.resolve(true));
  await dropFromOutbox(context, data);
  if (isLate) return { sent: 0 };
  const left = await context.items.get(data.backupId, data.objects);
  const bytes = [...left.values()].reduce((sum, item) => sum + item.bytes, 0);
  if (bytes >= RELEASE_BYTES || context.staging.account.isTight) await orderRelease(context, data, [...left.keys()]);
  return { sent: left.size };
}

/**
 * Whether the backup has ended without these objects: it failed, or they are of a start that was given up. What was ordered swept at its end
 * is then swept again (when it is no longer kept), which removes only what no sealed manifest names. A backup that Redis has lost is swept by the producer, who puts its end on record.
 */
export async function isTooLate(context: WorkerContext, data: Pick<TransferJob, 'backupId' | 'basepathId'>, name: string): Promise<boolean> {
  const state = await context.runs.read(data.backupId);
  if (state === null) return true;
  if (state.phase !== 'done' && state.phase !== 'failed') return false;
  await orderSweeps(context.queues, context.runs, data, `.after-${name}`, keptForMs(state, context.now().getTime()));
  return true;
}

async function hasEnded({ runs }: WorkerContext, { backupId }: TransferJob): Promise<boolean> {
  const phase = (await runs.read(backupId))?.phase;
  return phase === undefined || phase === 'done' || phase === 'failed';
}

/**
 * One LTS that is out keeps nothing from the others, and nobody when enough others have it. Throws the first error, or OUTAGE. Returns when to come again for slices that
 * wait for a bundle, by LTS. An asynchronous LTS comes last, and only where it is needed: its tasks may take hours, and its copy can be made up later.
 */
async function sendToAll(context: WorkerContext, data: TransferJob, run: JobRun): Promise<ReadonlyMap<string, number>> {
  const configured = context.backends.map(({ name }) => name);
  const goal = goalOf((await ownItems(context, data))[0]?.[1] ?? {}, configured);
  const open: TransferBackend[] = [];
  for (const backend of inOrder(context.backends, goal.lts)) if ((await openItems(context, backend, data)).length > 0) open.push(backend);
  open.sort((a, b) => Number(a.capabilities().async) - Number(b.capabilities().async));
  const waits = new Map<string, number>();
  const handed = new Set<string>();
  // What waits for a bundle or a task will be there, and counts when all has been tried.
  const coming = (item: StoredItem): number => [...new Set([...waits.keys(), ...handed])].filter((name) => item.committed[name] === undefined).length;
  await toEnough(context, {
    backends: open,
    isEnough: (_, atEnd) => isEnough(context, data, atEnd ? coming : undefined),
    act: async (backend, signal) => {
      const until = await sendTo(context, backend, data, { ...run, signal });
      if (until !== null) waits.set(backend.name, until);
      if (backend.capabilities().async) handed.add(backend.name);
    },
    isLeftOut: (backend) => backend.capabilities().async && isEnough(context, data, coming),
    onMissed: (backend, error) => context.breakers.note(run.job, backend.name, error),
    signal: run.signal,
  });
  return waits;
}

/** Puts the job aside until a bundle is due. Whoever closed the last of them while this job still ran could not wake it. Always throws DelayedError. */
async function waitForBundles(context: WorkerContext, data: TransferJob, { job, token }: JobRun, waits: ReadonlyMap<string, number>): Promise<never> {
  await job.moveToDelayed(Math.min(...waits.values()), token);
  const open = await Promise.all(inOrder(context.backends, [...waits.keys()]).map((backend) => openItems(context, backend, data)));
  if (open.every((items) => items.length === 0)) await job.promote().catch(() => undefined); // it was woken in this moment
  throw new DelayedError('waits for a bundle');
}

/** Whether as many LTS as its backup needs to seal have each, counting those where it will be. */
async function isEnough(context: WorkerContext, data: TransferJob, coming: (item: StoredItem) => number = () => 0): Promise<boolean> {
  const configured = context.backends.map(({ name }) => name);
  return (await ownItems(context, data)).every(([, item]) => stillNeeded(item, configured) <= coming(item));
}

/**
 * Whether the job goes on waiting for these, which are in tasks. When enough have it, a task that is paused, or waits for an operator, keeps nobody: what it brings yet is taken for
 * the copy. What is on record no more is waited for, as it is swept after it.
 */
async function isWaitedFor({ items, backends }: WorkerContext, { backupId }: TransferJob, objects: readonly string[]): Promise<boolean> {
  const known = await items.get(backupId, objects);
  const configured = backends.map(({ name }) => name);
  return objects.some((object) => {
    const item = known.get(object);
    return item === undefined || !hasEnough(item, configured);
  });
}

/** Its staging is given back: what is in no task yet goes into none. */
async function dropFromOutbox(context: WorkerContext, data: TransferJob): Promise<void> {
  const outbox = new Outbox(context.queues.redis);
  for (const backend of context.backends) if (backend.capabilities().async) await outbox.drop(backend.name, context.config.host, data.objects);
}

/** Items that are not on record any more belong to an abandoned start, and another host sends what it has taken over: nothing to do for them. */
async function ownItems(context: WorkerContext, data: TransferJob): Promise<[string, StoredItem][]> {
  const items = await context.items.get(data.backupId, data.objects);
  return [...items].filter(([, item]) => item.host === context.config.host);
}

async function openItems(context: WorkerContext, backend: TransferBackend, data: TransferJob): Promise<TransferItem[]> {
  return (await ownItems(context, data)).filter(([, item]) => item.committed[backend.name] === undefined).map(toTransferItem);
}

/** Small ones go into bundles, after those that do not: when to come again for them, or null. */
async function sendTo(context: WorkerContext, backend: TransferBackend, data: TransferJob, run: JobRun): Promise<number | null> {
  const { alone, small } = await splitSmall(context, backend.name, data.backupId, await openItems(context, backend, data));
  await sendAlone(context, backend, data, alone, run);
  return sendBundled(context, backend, data, small, run);
}

async function sendAlone(context: WorkerContext, backend: TransferBackend, data: TransferJob, open: readonly TransferItem[], run: JobRun): Promise<void> {
  if (open.length === 0) return;
  if (backend.capabilities().async) {
    await handOver(context, run, { lts: backend.name, backupId: data.backupId, kind: 'slice', items: open });
    return;
  }
  const startedAt = performance.now();
  const results = await sendItems({
    backend,
    items: open,
    key: `${data.backupId}-${String(run.job.id)}`,
    signal: run.signal,
    onCommitted: async (item, location) => {
      await context.items.commit(data.backupId, item.object, backend.name, location);
      await context.runs.addSent(data.backupId, item.bytes);
      context.metrics.sliceCommitted({ lts: backend.name, bytes: item.bytes, wallMs: performance.now() - startedAt });
    },
  });
  const errors = results.flatMap((result) => (result.error === undefined ? [] : [result.error]));
  for (const error of errors) context.metrics.transferFailed({ lts: backend.name, code: error.code });
  await throwUnlessAbandoned(context, data, errors);
}

/** What of it waits for a task of an asynchronous LTS, or is in one. */
async function inTasks(context: WorkerContext, data: TransferJob): Promise<string[]> {
  const outbox = new Outbox(context.queues.redis);
  const pending = context.backends.filter((backend) => backend.capabilities().async).map(({ name }) => outbox.pending(name, context.config.host, data.objects));
  return (await Promise.all(pending)).flatMap((objects) => [...objects]);
}

/** A start that was given up, or taken over by another host, while its slices were on their way makes their errors meaningless. */
async function throwUnlessAbandoned(context: WorkerContext, data: TransferJob, errors: readonly BwError[]): Promise<void> {
  const first = errors[0];
  if (first === undefined) return;
  const left = await context.items.get(data.backupId, data.objects);
  if ([...left.values()].some(({ host }) => host === context.config.host)) throw first;
}

function toTransferItem([object, item]: [string, StoredItem]): TransferItem {
  return { object, file: item.file, bytes: item.bytes, sha512: item.sha512 };
}

export async function orderRelease(context: WorkerContext, data: Pick<TransferJob, 'backupId' | 'basepathId'>, objects: readonly string[]): Promise<void> {
  const release: ReleaseJob = { v: JOB_VERSION, backupId: data.backupId, basepathId: data.basepathId, objects: [...objects] };
  await context.queues.cleanupOf(context.config.host).add('release', release, { priority: CLEANUP_PRIORITY });
}
