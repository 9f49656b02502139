import { sendJobId } from '../../../shared/queues/names.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import { shardName, startNumber } from '../../../shared/runs/start-name.js';
import type { ShardFrame } from './open-shard.js';

/**
 * Drops what earlier starts of this shard sent or still hold and did not keep: no manifest will name it. Their transfer
 * jobs find nothing to do; what reached LTS is swept when the backup has ended. What later starts have made stays: this one may have stood still for long.
 */
export async function abandonEarlierStarts(frame: ShardFrame): Promise<void> {
  const { context, data, run, kept, sender } = frame;
  if (run.job.attemptsStarted <= 1) return;
  await sender.options.check();
  const prefix = `${shardName(data.shard)}-`;
  const isEarlier = (start: string): boolean => start.startsWith(prefix) && (startNumber(start) ?? Infinity) < run.job.attemptsStarted;
  await dropItems(frame, (item, object) => isEarlier(item.start) && kept?.objects.has(object) !== true);
  await context.staging.removeStarts(data.backupId, (start) => isEarlier(start) && kept?.starts.includes(start) !== true);
}

/** Takes back what a start that failed has made, so that its staging is free before the next one begins. */
export async function abandonStart(frame: ShardFrame): Promise<void> {
  const { context, data, start, run } = frame;
  await dropItems(frame, (item) => item.start === start);
  if (await context.staging.abandonStart(data.backupId, start)) run.logger.error({ start }, 'a program of this start cannot be ended: its staging stays until it has');
}

/**
 * Takes transfer items off the record, and their jobs off what the backup waits for: the host they wait for may be dead. Whoever
 * still does such a job finds nothing to do.
 */
async function dropItems(frame: ShardFrame, isOld: (item: StoredItem, object: string) => boolean): Promise<void> {
  const { context, data } = frame;
  const old = [...(await context.items.all(data.backupId))].filter(([object, item]) => isOld(item, object));
  await context.items.remove(data.backupId, new Map(old.map(([object, { start }]) => [object, start])));
  for (const [object, { host }] of old) {
    const job = await context.queues.transfer(host).getJob(sendJobId(object));
    if (job?.parentKey !== undefined) await job.removeChildDependency();
  }
}
