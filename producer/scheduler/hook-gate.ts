import type { Config, TopdirConfig } from '../../shared/config/config.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import { PREFIX } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { runHook } from './hooks.js';
import { inFlightOf } from './in-flight.js';
import { withTopdirLock } from './topdir-lock.js';

/** Hash topdir -> when its before hook ran: its after hook is still owed. */
const GATES_KEY = `${PREFIX}:hook-gates`;

export interface GateRequest {
  readonly topdir: TopdirConfig;
  /** What is going to be enqueued: the gate stays open while one of them is in flight. */
  readonly basepathIds: readonly string[];
  readonly now: Date;
  /** Ends waiting and hooks. */
  readonly signal?: AbortSignal | undefined;
}

export interface ClosedGate {
  readonly topdir: string;
  /** Of the after hook; it stays owed then. */
  readonly error: BwError | null;
}

/**
 * Runs a topdir's before hook unless its gate is open already (backups of the same snapshot are in flight), then `enqueue`.
 * Throws HOOK_FAILED: nothing was enqueued then.
 */
export async function throughGate<T>(queues: QueueSet, request: GateRequest, enqueue: () => Promise<T>): Promise<T> {
  const { topdir, basepathIds, signal } = request;
  if (topdir.hooks.before === null && topdir.hooks.after === null) return enqueue();
  const pass = async (): Promise<T> => {
    await openGate(queues, request);
    await queues.redis.sadd(passedKey(topdir.path), ...basepathIds);
    return enqueue();
  };
  return withTopdirLock(queues.redis, topdir.path, pass, signal);
}

/** On record first, so that a crash or a stop in between leaves an after hook owed and never a snapshot forgotten. */
async function openGate(queues: QueueSet, { topdir, now, signal }: GateRequest): Promise<void> {
  const opened = await queues.redis.hsetnx(GATES_KEY, topdir.path, now.toISOString());
  if (opened === 0) return;
  try {
    await runHook(topdir, 'before', signal);
  } catch (thrown) {
    if (signal?.aborted !== true) await queues.redis.hdel(GATES_KEY, topdir.path);
    throw thrown;
  }
}

/** Runs the after hook of every topdir none of whose backups is in flight any more. One that fails does not hold up the others. */
export async function closeGates(config: Pick<Config, 'topdirs'>, queues: QueueSet, signal?: AbortSignal): Promise<ClosedGate[]> {
  const open = new Set(await queues.redis.hkeys(GATES_KEY));
  const closed: ClosedGate[] = [];
  for (const topdir of config.topdirs) {
    if (!open.has(topdir.path)) continue;
    const close = (): Promise<'in flight' | null> => closeGate(queues, topdir, signal);
    const error = await withTopdirLock(queues.redis, topdir.path, close, signal).catch(toBwError);
    if (error !== 'in flight') closed.push({ topdir: topdir.path, error });
  }
  return closed;
}

async function closeGate(queues: QueueSet, topdir: TopdirConfig, signal: AbortSignal | undefined): Promise<'in flight' | null> {
  if (await anyInFlight(queues, topdir.path)) return 'in flight';
  if ((await queues.redis.hexists(GATES_KEY, topdir.path)) === 0) return null; // somebody else closed it meanwhile
  await runHook(topdir, 'after', signal);
  await queues.redis.pipeline().hdel(GATES_KEY, topdir.path).del(passedKey(topdir.path)).exec();
  return null;
}

async function anyInFlight(queues: QueueSet, topdir: string): Promise<boolean> {
  return (await inFlightOf(queues, await queues.redis.smembers(passedKey(topdir)))).size > 0;
}

/** Set of basepaths enqueued since the gate was opened. */
function passedKey(topdir: string): string {
  return `${PREFIX}:hook-gate:${topdir}`;
}
