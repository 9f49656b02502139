import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { BundlePool, type BundlePlan, type PoolPart } from '../../../shared/bundle/bundle-pool.js';
import { chooseBundle } from '../../../shared/bundle/choose-bundle.js';
import { layOutBundle } from '../../../shared/bundle/lay-out.js';
import { bundleId, bundleObject } from '../../../shared/bundle/names.js';
import { PartNotSound, writeBundle } from '../../../shared/bundle/write-bundle.js';
import type { BundleConfig } from '../../../shared/config/config.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import type { TransferJob } from '../../../shared/queues/job-data.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { sendFilesStep } from '../../tasks/send-files.js';
import { inTurn } from './in-turn.js';

/** A waiting job looks again after this at least, ms: whoever closes a bundle wakes those that wait for it, and may die before. */
const LOOK_AGAIN_MS = 300_000;
/** Below this host's staging: tars on their way. */
export const BUNDLES_DIR = 'bundles';
/** The tar in staging is not what was made: it is made again. */
const TAR_LOST: readonly string[] = ['TRANSFER_SOURCE_CORRUPT', 'TRANSFER_SOURCE_MISSING'];

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
  const { bytes, isBegun } = await pool.add(items.map(({ object, bytes: size, sha512 }) => ({ backupId: data.backupId, object, bytes: size, sha512, sinceMs, jobId: String(run.job.id) })));
  const due = sinceMs + limits.maxWaitMs;
  let isSending = false;
  if (isBegun || bytes >= limits.minBytes || due <= nowMs || context.staging.account.isTight) {
    const turn = `${context.config.host} ${backend.name}`;
    isSending = (await inTurn(turn, () => closeBundles({ context, backend, limits, pool, run }))) === 'waits';
  }
  const left = await context.items.get(data.backupId, items.map(({ object }) => object));
  const isOpen = [...left.values()].some((item) => isWaiting(item, context.config.host, backend.name));
  if (!isOpen) return null;
  return isSending ? nowMs + LOOK_AGAIN_MS : Math.min(Math.max(due, nowMs + 1), nowMs + LOOK_AGAIN_MS);
}

function poolOf({ queues, config }: WorkerContext, lts: string): BundlePool {
  return new BundlePool(queues.redis, config.host, lts);
}

function isWaiting(item: StoredItem | undefined, host: string, lts: string): item is StoredItem {
  return item !== undefined && item.host === host && item.committed[lts] === undefined;
}

/** The one that was begun first, whoever began it; then all that are due. */
async function closeBundles(bundling: Bundling): Promise<'over' | 'waits'> {
  const { context, limits, pool, run } = bundling;
  for (;;) {
    run.signal.throwIfAborted();
    const { plan, waiting } = await pool.read();
    if (plan !== null) {
      if ((await finishBundle(bundling, plan)) === 'waits') return 'waits';
      continue;
    }
    const counting = await dropOthers(bundling, waiting);
    const choice = chooseBundle(counting, limits, context.now().getTime(), context.staging.account.isTight);
    if (choice.close === null) return 'over';
    const object = bundleObject(ulid(context.now().getTime()), context.config.host);
    await pool.begin({ object, parts: [...choice.close], made: null });
    run.logger.info({ object, parts: choice.close.length, why: choice.why }, 'bundle closed');
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

/** Makes the tar, unless an earlier start did, sends and proves it, commits what is in it. A crash anywhere is followed by the same again, under the same name. */
async function finishBundle(bundling: Bundling, plan: BundlePlan): Promise<'over' | 'waits'> {
  const { context, backend, pool, run } = bundling;
  const dir = await context.staging.createDirectory(join(BUNDLES_DIR, backend.name));
  const file = join(dir, `${bundleId(plan.object)}.tar`);
  const made = plan.made ?? (await makeTar(bundling, plan, file));
  if (made === null) return 'over';
  const item: TransferItem = { object: plan.object, file, ...made };
  const isThere = await stat(file).then(() => true, () => false);
  if (isThere) {
    await context.staging.shareFiles([file]);
    const request = { backend, items: [item], key: bundleId(plan.object), resume: plan.made !== null, signal: run.signal };
    const sent = backend.capabilities().async ? await sendFilesStep(context, request, `${run.job.queueName} ${String(run.job.id)}`) : await sendItems(request);
    if (sent === null) return 'waits'; // in a task of many; whoever ends that wakes this job
    const [result] = sent;
    if (result?.error !== undefined) {
      if (TAR_LOST.includes(result.error.code)) await giveUp(bundling, file);
      throw result.error;
    }
  } else if ((await backend.verify(item, { signal: run.signal })) !== 'match') {
    await giveUp(bundling, file); // the staging it lay in is gone, and it had not arrived: its slices go into another one
    return 'over';
  }
  await commitParts(bundling, plan);
  await pool.remove(plan.parts);
  await pool.end();
  await rm(file, { force: true });
  await wakeOthers(bundling, plan);
  return 'over';
}

/** Null when a part is not sound: it is left out, and the others wait for the next bundle. */
async function makeTar(bundling: Bundling, plan: BundlePlan, file: string): Promise<NonNullable<BundlePlan['made']> | null> {
  const { context, backend, pool, run } = bundling;
  const files = await filesOf(context, backend.name, plan.parts);
  const layout = layOutBundle(plan.object, plan.parts.map((part) => ({ ...part, name: part.object, part })));
  try {
    const made = await writeBundle(layout, file, ({ part }) => files.get(part) ?? '', run.signal);
    await pool.noteMade({ ...plan, made });
    return made;
  } catch (thrown) {
    if (!(thrown instanceof PartNotSound)) throw thrown;
    run.logger.warn({ object: plan.object, why: thrown.message }, 'a slice that is not sound was left out of a bundle');
    const part = plan.parts.find(({ object }) => object === thrown.part.name);
    if (part !== undefined && files.has(part)) await pool.leaveOut(part);
    await giveUp(bundling, file);
    if (part !== undefined) await wakeOthers(bundling, { ...plan, parts: [part] });
    return null;
  }
}

async function giveUp({ pool }: Bundling, file: string): Promise<void> {
  await pool.end();
  await rm(file, { force: true });
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
