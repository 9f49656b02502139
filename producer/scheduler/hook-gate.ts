import type { BasepathRegistry } from '../../shared/basepaths/index.js';
import type { Config, TopdirConfig } from '../../shared/config/config.js';
import { PREFIX } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { inFlightId } from './enqueue.js';
import { runHook } from './hooks.js';

/** Hash topdir -> when its before hook ran: its after hook is still owed. */
const GATES_KEY = `${PREFIX}:hook-gates`;

/**
 * Runs a topdir's before hook unless its gate is open already (backups of the same snapshot are in flight). The
 * gate is on record first, so that a crash in between leaves an after hook owed and never a snapshot forgotten.
 */
export async function openGate(queues: QueueSet, topdir: TopdirConfig, now: Date): Promise<void> {
  if (topdir.hooks.before === null && topdir.hooks.after === null) return;
  const opened = await queues.redis.hsetnx(GATES_KEY, topdir.path, now.toISOString());
  if (opened === 0) return;
  try {
    await runHook(topdir, 'before');
  } catch (thrown) {
    await queues.redis.hdel(GATES_KEY, topdir.path);
    throw thrown;
  }
}

/** Runs the after hook of every topdir none of whose backups is in flight any more. Returns the topdirs closed. */
export async function closeGates(config: Config, queues: QueueSet, registry: BasepathRegistry): Promise<string[]> {
  const open = Object.keys(await queues.redis.hgetall(GATES_KEY));
  const closed: string[] = [];
  for (const topdir of config.topdirs) {
    if (!open.includes(topdir.path) || (await anyInFlight(queues, registry, topdir.path))) continue;
    await runHook(topdir, 'after');
    await queues.redis.hdel(GATES_KEY, topdir.path);
    closed.push(topdir.path);
  }
  return closed;
}

async function anyInFlight(queues: QueueSet, registry: BasepathRegistry, topdir: string): Promise<boolean> {
  for (const record of registry.all()) {
    if (record.topdir !== topdir) continue;
    if ((await queues.backup.getDeduplicationJobId(inFlightId('full', record.basepathId))) !== null) return true;
  }
  return false;
}
