import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { outboxKey } from '../queues/names.js';
import { priorityOf } from '../queues/priorities.js';
import type { TransferBackend, TransferHandle, TransferItem } from '../transfer/backend.js';
import { sendItems, type ItemResult } from '../transfer/engine.js';
import { abortedError } from '../transfer/posix/fs-errors.js';
import { stateOf } from './decide-task.js';
import { urgency } from './gather.js';
import { leasesOf, newTask } from './new-task.js';
import { Outbox } from './outbox.js';
import { taskName, type TaskRecord } from './task-record.js';
import { TaskStore } from './task-store.js';

export interface LeaseTiming {
  /** Between two looks for a free lease, ms. */
  readonly lookMs: number;
  /** Whoever has not said for so long that it looks after its task is dead, ms. */
  readonly holdMs: number;
  /** For so long the end of a task that went wrong is waited for, ms; then it is left to the workers. */
  readonly endMs: number;
}

/** As workers do it. Globus ends a task within seconds of a cancel, where it answers. */
export const LEASE_TIMING: LeaseTiming = { lookMs: 5_000, holdMs: 60_000, endMs: 60_000 };

export interface LeasedRequest {
  readonly redis: Redis;
  readonly backend: TransferBackend;
  readonly items: readonly TransferItem[];
  /** Of this process and this sending alone: no host that has workers. It is nobody's outbox but this one's. */
  readonly sender: string;
  readonly signal: AbortSignal;
  /** Told once when no lease is free. */
  readonly onWait?: () => void;
  /** Told of a task that could not be ended: it may go on, and keeps its lease until a worker has seen its end. */
  readonly onLeft?: (name: string) => void;
  readonly timing?: LeaseTiming;
}

/** Of a process that died before it had a lease nothing is left after this, seconds. */
const FORGOTTEN_SECONDS = 86_400;

/**
 * sendItems to an asynchronous LTS for a process that is no worker (an import): one task under a lease like those of workers, for which it waits like they do.
 * Should it die, its task is on record, counts as long as it is alive, and is settled by a worker as that of a host that is gone; so is one that went wrong and could not be ended.
 */
export async function sendInLease(request: LeasedRequest): Promise<ItemResult[]> {
  const { redis, backend, items, signal, sender, timing = LEASE_TIMING } = request;
  const store = new TaskStore(redis);
  const key = await backend.prepare(items);
  const record = await opened(request, store, key);
  const wished = new AbortController();
  const looking = setInterval(() => { void look(store, record.id, request, wished).catch(() => undefined); }, Math.min(timing.lookMs, timing.holdMs / 3));
  let isSent = false;
  try {
    const results = await sendItems({ backend, items, key, signal: AbortSignal.any([signal, wished.signal]) });
    isSent = results.every(({ state }) => state === 'committed');
    return results;
  } finally {
    const left = isSent ? null : await leftOf(request, record);
    clearInterval(looking); // before it is released: that would hold it again
    if (left === null) await store.close(record, sender, await store.items(record.id), new Map());
    else await leave(store, left, request);
  }
}

/** What is on record of a task that went wrong and may go on at the service; null: it is over there, if need be as it is cancelled here. */
async function leftOf({ backend, items, timing = LEASE_TIMING }: LeasedRequest, record: TaskRecord): Promise<TaskRecord | null> {
  let known = record;
  const ending = (async (): Promise<boolean> => {
    const handle = await goingOn(backend, record.key, items);
    if (handle === null) return true;
    known = { ...record, handle, url: backend.taskUrl?.(handle) ?? null, state: 'submitted' };
    await backend.cancel(handle, items);
    return (await goingOn(backend, record.key, items)) === null;
  })().catch(() => false); // the service does not say: a worker asks again
  return (await Promise.race([ending, sleep(timing.endMs, false, { ref: false })])) ? null : known;
}

/** What the service has of a key, unless that is over beyond doubt. Throws what reconcile throws. */
async function goingOn(backend: TransferBackend, key: string, items: readonly TransferItem[]): Promise<TransferHandle | null> {
  const handle = await backend.reconcile(key, items);
  if (handle === null) return null;
  const isOver = await backend.poll(handle, items).then((status) => stateOf(status) === null, () => false);
  return isOver ? null : handle;
}

async function leave(store: TaskStore, task: TaskRecord, { sender, onLeft }: LeasedRequest): Promise<void> {
  await store.note(task, sender);
  await store.release(task.id, sender);
  onLeft?.(taskName(task));
}

/** Keeps the task; an operator may wish it cancelled (`bw-bkup tasks cancel`). */
async function look(store: TaskStore, id: string, { sender, timing = LEASE_TIMING }: LeasedRequest, wished: AbortController): Promise<void> {
  await store.hold(id, sender, timing.holdMs);
  if (((await store.read(id))?.cancelledBy ?? null) !== null) wished.abort();
}

/** The task on record, with its lease. Throws TRANSFER_ABORTED. */
async function opened({ redis, backend, items, sender, signal, onWait, timing = LEASE_TIMING }: LeasedRequest, store: TaskStore, key: string): Promise<TaskRecord> {
  const lts = backend.name;
  const outbox = new Outbox(redis);
  const { identity, max } = leasesOf(backend);
  const waiting = items.map(({ object, file, bytes, sha512 }) => ({ object, file, bytes, sha512, backupId: '', kind: 'file' as const, priority: priorityOf('manual-full', 'shard'), job: '' }));
  for (let look = 0; ; look += 1) {
    await outbox.put(lts, sender, waiting);
    await redis.expire(outboxKey(lts, sender), FORGOTTEN_SECONDS);
    const take = await outbox.all(lts, sender);
    const record = newTask({ lts, identity, host: sender, key, createdMs: (await store.leases(identity)).nowMs }, take);
    if ((await store.open({ record, items: take, maxTasks: max, urgency: urgency(take), holder: sender, holdMs: timing.holdMs })) === 'opened') return record;
    if (look === 0) onWait?.();
    await store.want({ lts, host: sender, identity, urgency: urgency(take) });
    try {
      await sleep(timing.lookMs, undefined, { signal });
    } catch {
      await outbox.drop(lts, sender, items.map(({ object }) => object));
      await store.want({ lts, host: sender, identity, urgency: null });
      throw abortedError(lts);
    }
  }
}
