import { hostname } from 'node:os';
import type { Config, TopdirConfig } from '../../shared/config/config.js';
import { toBwError, type BwError } from '../../shared/errors/bw-error.js';
import { PREFIX } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { failedByItself, runHook } from './hooks.js';
import { inFlightOf } from './in-flight.js';
import { lockLost, withTopdirLock, type TopdirLock } from './topdir-lock.js';

/**
 * Hash topdir -> its gate: `opening TOKEN HOST/PID TIME` from before its before hook, `open TIME` from after it until its after hook has
 * succeeded; nothing when it is closed. (Versions before had a time alone from before the hook: it counts as open.)
 */
const GATES_KEY = `${PREFIX}:hook-gates`;
const OPENING = 'opening ';

/** Changes a gate, for who has the lock and found it as it is; what passed it before counts no more. KEYS: lock, gates, passed. ARGV: token, topdir, from, to ('': closed). */
const CHANGE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local is = redis.call('HGET', KEYS[2], ARGV[2]) or ''
if is ~= ARGV[3] and is ~= ARGV[4] then return 0 end
redis.call('DEL', KEYS[3])
if ARGV[4] == '' then redis.call('HDEL', KEYS[2], ARGV[2]) else redis.call('HSET', KEYS[2], ARGV[2], ARGV[4]) end
return 1`;

export interface GateRequest {
  readonly topdir: TopdirConfig;
  /** What is going to be enqueued: the gate stays open while one of them is in flight. */
  readonly basepathIds: readonly string[];
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
 * Throws HOOK_FAILED, REDIS_UNREACHABLE: nothing was enqueued then.
 */
export async function throughGate<T>(queues: QueueSet, request: GateRequest, enqueue: () => Promise<T>): Promise<T> {
  const { topdir, basepathIds, signal } = request;
  if (topdir.hooks.before === null && topdir.hooks.after === null) return enqueue();
  const pass = async (lock: TopdirLock): Promise<T> => {
    await openGate(queues, topdir, lock);
    await queues.redis.sadd(passedKey(topdir.path), ...basepathIds);
    lock.check();
    return enqueue();
  };
  return withTopdirLock(queues.redis, topdir.path, pass, signal);
}

/** On record first, so that a crash or a stop in between leaves an after hook owed and never a snapshot forgotten, or half a one taken for whole. */
async function openGate(queues: QueueSet, topdir: TopdirConfig, lock: TopdirLock): Promise<void> {
  const found = await queues.redis.hget(GATES_KEY, topdir.path);
  if (found !== null) {
    if (await isInUse(queues, topdir.path, found)) return;
    await runHook(topdir, 'after', lock.signal); // half a snapshot, or one of before: nothing new may be read from it
  }
  const opening = `${OPENING}${lock.token} ${hostname()}/${process.pid} ${new Date().toISOString()}`;
  await change(queues, topdir, lock, { from: found, to: opening });
  try {
    await runHook(topdir, 'before', lock.signal);
  } catch (thrown) {
    if (failedByItself(thrown)) await change(queues, topdir, lock, { from: opening, to: null });
    throw thrown;
  }
  await change(queues, topdir, lock, { from: opening, to: `open ${new Date().toISOString()}` });
}

/** Runs the after hook of every topdir none of whose backups is in flight any more. One that fails does not hold up the others. */
export async function closeGates(config: Pick<Config, 'topdirs'>, queues: QueueSet, signal?: AbortSignal): Promise<ClosedGate[]> {
  const open = new Set(await queues.redis.hkeys(GATES_KEY));
  const closed: ClosedGate[] = [];
  for (const topdir of config.topdirs) {
    if (!open.has(topdir.path)) continue;
    const close = (lock: TopdirLock): Promise<'in flight' | null> => closeGate(queues, topdir, lock);
    const error = await withTopdirLock(queues.redis, topdir.path, close, signal).catch(toBwError);
    if (error !== 'in flight') closed.push({ topdir: topdir.path, error });
  }
  return closed;
}

async function closeGate(queues: QueueSet, topdir: TopdirConfig, lock: TopdirLock): Promise<'in flight' | null> {
  const found = await queues.redis.hget(GATES_KEY, topdir.path);
  if (found === null) return null; // somebody else closed it meanwhile
  if (await isInUse(queues, topdir.path, found)) return 'in flight';
  await runHook(topdir, 'after', lock.signal);
  await change(queues, topdir, lock, { from: found, to: null });
  return null;
}

/** For who has the lock: whoever is opening it then is dead, or has given up. Without anything in flight it may be open since long ago. */
async function isInUse(queues: QueueSet, topdir: string, gate: string): Promise<boolean> {
  if (gate.startsWith(OPENING)) return false;
  return (await inFlightOf(queues, await queues.redis.smembers(passedKey(topdir)))).size > 0;
}

/** Throws REDIS_UNREACHABLE when the lock is another's by now. */
async function change({ redis }: QueueSet, { path }: TopdirConfig, lock: TopdirLock, { from, to }: { readonly from: string | null; readonly to: string | null }): Promise<void> {
  const changed = await redis.eval(CHANGE, 3, lock.key, GATES_KEY, passedKey(path), lock.token, path, from ?? '', to ?? '');
  if (changed !== 1) throw lockLost(path);
}

/** Set of basepaths enqueued since the gate was opened. */
function passedKey(topdir: string): string {
  return `${PREFIX}:hook-gate:${topdir}`;
}
