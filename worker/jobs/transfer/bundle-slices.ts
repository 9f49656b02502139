import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { BundlePool, type BundlePlan, type PoolPart } from '../../../shared/bundle/bundle-pool.js';
import { chooseBundle } from '../../../shared/bundle/choose-bundle.js';
import { layOutBundle } from '../../../shared/bundle/lay-out.js';
import { bundleId, bundleObject, STAGED_BUNDLES } from '../../../shared/bundle/names.js';
import { PartNotSound, writeBundle } from '../../../shared/bundle/write-bundle.js';
import type { BundleConfig } from '../../../shared/config/config.js';
import { BwError, toBwError } from '../../../shared/errors/bw-error.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import type { TransferJob } from '../../../shared/queues/job-data.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { handOver } from '../../tasks/hand-over.js';
import { inTurn } from './in-turn.js';
import { ownName, removeForgotten, removeTar, stagedIn } from './staged-tars.js';

/** A waiting job looks again after this at least, ms: whoever closes a bundle wakes those that wait for it, and may die before. */
const LOOK_AGAIN_MS = 300_000;
/** One whose time has come and that is in no bundle is looked at again after this, ms: its file is not sound, or another job's entry of it is younger. */
const SOON_MS = 1_000;
/** The tar in staging is not what was made, or something else lies under its name, for good: all that is in it goes into another one. */
const HOPELESS: readonly string[] = ['TRANSFER_SOURCE_CORRUPT', 'TRANSFER_SOURCE_MISSING', 'TRANSFER_OBJECT_EXISTS'];

interface Bundling {
  readonly context: WorkerContext;
  readonly backend: TransferBackend;
  readonly limits: BundleConfig;
  readonly pool: BundlePool;
  readonly run: JobRun;
}

export interface Split {
  /** Objects of their own. */
  readonly alone: readonly TransferItem[];
  readonly small: readonly TransferItem[];
}

export function bundlesOf({ config }: Pick<WorkerContext, 'config'>, lts: string): BundleConfig | null {
  return config.lts.find(({ name }) => name === lts)?.bundle ?? null;
}

/** Which of a job's items go into bundles for this LTS. */
export async function splitSmall(context: WorkerContext, lts: string, backupId: string, items: readonly TransferItem[]): Promise<Split> {
  const limits = bundlesOf(context, lts);
  if (limits === null) return { alone: items, small: [] };
  const small = items.filter(({ bytes }) => bytes < limits.minBytes);
  const out = await poolOf(context, lts).leftOut(backupId, small.map(({ object }) => object));
  return { alone: items.filter((item) => item.bytes >= limits.minBytes || out.has(item.object)), small: small.filter(({ object }) => !out.has(object)) };
}

/**
 * Puts small slices with those of other backups that wait on this host, and closes bundles that are due: each is one object, sent and verified as one, and then every
 * slice in it is committed with its place there. Returns when this job is to look again, ms since the epoch; null: all of its own are committed, or do not count any more.
 */
export async function sendBundled(context: WorkerContext, backend: TransferBackend, data: TransferJob, items: readonly TransferItem[], run: JobRun): Promise<number | null> {
  const limits = bundlesOf(context, backend.name);
  if (limits === null || items.length === 0) return null;
  const pool = poolOf(context, backend.name);
  const nowMs = context.now().getTime();
  const sinceMs = run.job.timestamp; // of the job, which may wait for the second or third time
  const { bytes, begun } = await pool.add(items.map(({ object, bytes: size, sha512 }) => ({ backupId: data.backupId, object, bytes: size, sha512, sinceMs, jobId: String(run.job.id) })));
  const due = sinceMs + limits.maxWaitMs;
  if (begun > 0 || bytes >= limits.minBytes || due <= nowMs || context.staging.account.isTight) {
    const turn = `${context.config.host} ${backend.name}`;
    await inTurn(turn, () => closeBundles({ context, backend, limits, pool, run }));
  }
  const left = await context.items.get(data.backupId, items.map(({ object }) => object));
  const isOpen = [...left.values()].some((item) => isWaiting(item, context.config.host, backend.name));
  if (!isOpen) return null;
  // In a task of an asynchronous LTS: whoever looks when that is through wakes this job.
  const isOnItsWay = (await pool.read()).plans.length > 0;
  return Math.min(due > nowMs ? due : isOnItsWay ? Infinity : nowMs + SOON_MS, nowMs + LOOK_AGAIN_MS);
}

function poolOf({ queues, config }: WorkerContext, lts: string): BundlePool {
  return new BundlePool(queues.redis, config.host, lts);
}

function isWaiting(item: StoredItem | undefined, host: string, lts: string): item is StoredItem {
  return item !== undefined && item.host === host && item.committed[lts] === undefined;
}

/** Those that are begun, whoever began them; then all that are due. */
async function closeBundles(bundling: Bundling): Promise<void> {
  const { context, limits, pool, run } = bundling;
  const staged = await stagedIn(join(context.staging.root, STAGED_BUNDLES, bundling.backend.name));
  const { plans } = await pool.read();
  await removeForgotten(staged, plans.map(tarName));
  for (const { object } of plans) {
    const plan = await pool.plan(object); // another process of this host may have gone on with it
    if (plan !== null) await finishBundle(bundling, plan);
  }
  for (;;) {
    run.signal.throwIfAborted();
    const counting = await dropOthers(bundling, (await pool.read()).waiting);
    const choice = chooseBundle(counting, limits, context.now().getTime(), context.staging.account.isTight);
    if (choice.close === null) return;
    const object = bundleObject(ulid(context.now().getTime()), context.config.host);
    const plan: BundlePlan = { object, parts: [...choice.close], made: null, sent: false };
    await pool.begin(plan);
    run.logger.info({ object, parts: choice.close.length, why: choice.why }, 'bundle closed');
    await finishBundle(bundling, plan);
  }
}

/** What belongs to starts that were given up, to runs that ended, or to another host by now, waits for nothing. */
async function dropOthers({ context, backend, pool }: Bundling, waiting: readonly PoolPart[]): Promise<PoolPart[]> {
  const files = await filesOf(context, backend.name, waiting);
  const counting = waiting.filter((part) => files.has(part));
  await pool.remove(waiting.filter((part) => !files.has(part)));
  return counting;
}

/** Files of those parts that count. */
async function filesOf(context: WorkerContext, lts: string, parts: readonly PoolPart[]): Promise<Map<PoolPart, string>> {
  const files = new Map<PoolPart, string>();
  for (const backupId of new Set(parts.map((part) => part.backupId))) {
    const own = parts.filter((part) => part.backupId === backupId);
    const run = await context.runs.read(backupId);
    if (run === null || run.phase === 'done' || run.phase === 'failed') continue;
    const items = await context.items.get(backupId, own.map(({ object }) => object));
    for (const part of own) {
      const item = items.get(part.object);
      if (isWaiting(item, context.config.host, lts)) files.set(part, item.file);
    }
  }
  return files;
}

/**
 * Makes the tar, unless an earlier start did, sends and proves it, commits what is in it. A crash anywhere is followed by the same again, under the same name. To an
 * asynchronous LTS it goes by a task, with other objects; whoever looks when that is through goes on from there.
 */
async function finishBundle(bundling: Bundling, plan: BundlePlan): Promise<void> {
  const { context, backend, pool } = bundling;
  const dir = await context.staging.createDirectory(join(STAGED_BUNDLES, backend.name));
  const file = join(dir, tarName(plan));
  const made = plan.made ?? (await makeTar(bundling, plan, file));
  if (made === null) return;
  if (!plan.sent && !(await sendTar(bundling, plan, { object: plan.object, file, ...made }))) return;
  await commitParts(bundling, plan);
  await pool.end(plan);
  await removeTar(file);
  await wakeOthers(bundling, plan);
}

function tarName({ object }: Pick<BundlePlan, 'object'>): string {
  return `${bundleId(object)}.tar`;
}

/** False: it is not there yet, or never will be, and its slices go into another one; so they do when this throws BUNDLE_SPOILED. */
async function sendTar(bundling: Bundling, plan: BundlePlan, item: TransferItem): Promise<boolean> {
  const { context, backend, pool, run } = bundling;
  // The staging it lay in is gone: then only what has arrived counts.
  const isThere = await stat(item.file).then(() => true, () => false);
  if (!isThere) {
    if ((await backend.verify(item, { signal: run.signal })) === 'match') return true;
    await giveUp(bundling, plan, item.file);
    return false;
  }
  await context.staging.shareFiles([item.file]);
  try {
    if (backend.capabilities().async) {
      await handOver(context, run, { lts: backend.name, backupId: bundleId(plan.object), kind: 'bundle', items: [item] });
      return false;
    }
    // Only of an earlier start something is left there: what has come since is of another process, which is sending it.
    const [result] = await sendItems({ backend, items: [item], key: bundleId(plan.object), resume: plan.made !== null, signal: run.signal });
    if (result?.error !== undefined) throw result.error;
    return true;
  } catch (thrown) {
    const error = toBwError(thrown);
    if (!HOPELESS.includes(error.code)) throw thrown;
    if ((await pool.plan(plan.object)) === null) return false; // another process is through with it, and has removed the tar
    await giveUp(bundling, plan, item.file);
    throw spoiled(plan, error);
  }
}

/** Null when a part is not sound: it is left out, and the others wait for the next bundle; or when another process has ended it. */
async function makeTar(bundling: Bundling, plan: BundlePlan, file: string): Promise<BundlePlan['made']> {
  const { context, backend, pool, run } = bundling;
  const files = await filesOf(context, backend.name, plan.parts);
  const layout = layOutBundle(plan.object, plan.parts.map((part) => ({ ...part, name: part.object, part })));
  const own = ownName(file);
  try {
    const made = await writeBundle(layout, own, ({ part }) => files.get(part) ?? '', run.signal);
    return await giveName(pool, plan, { own, file, made });
  } catch (thrown) {
    if (!(thrown instanceof PartNotSound)) throw thrown;
    const now = await pool.plan(plan.object);
    if (now === null || now.made !== null) return now?.made ?? null; // of a bundle that is sent, slices leave staging
    await leaveOut(bundling, plan, file, thrown);
    return null;
  } finally {
    await rm(own, { force: true });
  }
}

/** The same parts give the same tar, whoever makes it: the first one counts. */
async function giveName(pool: BundlePool, plan: BundlePlan, { own, file, made }: { readonly own: string; readonly file: string; readonly made: NonNullable<BundlePlan['made']> }): Promise<BundlePlan['made']> {
  const now = await pool.plan(plan.object);
  if (now === null || now.made !== null) return now?.made ?? null;
  await rename(own, file);
  if (await pool.note({ ...plan, made })) return made;
  await removeTar(file);
  return null;
}

async function leaveOut(bundling: Bundling, plan: BundlePlan, file: string, notSound: PartNotSound): Promise<void> {
  const { context, backend, pool, run } = bundling;
  run.logger.warn({ object: plan.object, why: notSound.message }, 'a slice that is not sound was left out of a bundle');
  const part = plan.parts.find(({ object }) => object === notSound.part.name);
  const files = await filesOf(context, backend.name, part === undefined ? [] : [part]);
  if (part !== undefined && files.has(part)) await pool.leaveOut(part);
  await giveUp(bundling, plan, file, part);
  if (part !== undefined) await wakeOthers(bundling, { parts: [part] });
}

/** Of the tar, and not of the slices in it, which may be of other backups: what comes again makes another one of those. */
function spoiled({ object }: BundlePlan, cause: BwError): BwError {
  return new BwError('BUNDLE_SPOILED', {
    message: `a bundle cannot be sent as it was made, and its slices go into another one: ${cause.message}`,
    subject: object,
    retry: 'retry',
    hint: 'Nothing to do, unless it comes again: then look whether the filesystem of staging keeps what is written.',
    cause,
  });
}

/** What was in it waits for another one, but for `without`. */
async function giveUp({ pool }: Bundling, plan: BundlePlan, file: string, without?: PoolPart): Promise<void> {
  await pool.end(plan, plan.parts.filter((part) => part !== without));
  await removeTar(file);
}

async function commitParts({ context, backend }: Bundling, plan: BundlePlan): Promise<void> {
  const { parts } = layOutBundle(plan.object, plan.parts.map((part) => ({ ...part, name: part.object })));
  for (const { backupId, object, bytes, offset } of parts) {
    const item = (await context.items.get(backupId, [object])).get(object);
    if (item === undefined || item.committed[backend.name] !== undefined) continue; // of a start that was given up: dead bytes
    if (!(await context.items.commit(backupId, object, backend.name, { object: plan.object, offset, length: bytes }))) continue;
    await context.runs.addSent(backupId, bytes);
    context.metrics.sliceCommitted({ lts: backend.name, bytes, wallMs: 0 });
  }
}

/** Jobs that waited for what is through now. One that is not delayed looks by itself. */
async function wakeOthers({ context, run }: Bundling, { parts }: Pick<BundlePlan, 'parts'>): Promise<void> {
  const queue = context.queues.transfer(context.config.host);
  for (const jobId of new Set(parts.map((part) => part.jobId))) {
    if (jobId !== String(run.job.id)) await (await queue.getJob(jobId))?.promote().catch(() => undefined);
  }
}
