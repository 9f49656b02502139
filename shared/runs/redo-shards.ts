import { isGone, type Heard } from '../hosts/silence.js';
import type { QueueSet } from '../queues/queue-set.js';
import type { RunStore } from './run-store.js';

/** A shard that is done, and a host that still has to send some of it. */
export interface UnsentShard {
  readonly shard: number;
  readonly host: string;
}

/** Those whose host is gone, each once (pure): the backup would wait for it for ever. */
export function shardsToRedo(unsent: readonly UnsentShard[], heard: Heard): UnsentShard[] {
  const found = new Map<number, UnsentShard>();
  for (const each of unsent) if (isGone(each.host, heard) && !found.has(each.shard)) found.set(each.shard, each);
  return [...found.values()].sort((a, b) => a.shard - b.shard);
}

/**
 * Gives a shard that is done to a worker once more. Its next start goes on from what can be had (what is in every LTS, or in staging it sees), saves the rest anew, and takes what its
 * earlier starts have yet to send off what the backup waits for. False when the shard is not done, or the backup not being saved, any more.
 */
export async function redoShard({ queues, runs }: { readonly queues: QueueSet; readonly runs: RunStore }, backupId: string, shard: number): Promise<boolean> {
  if ((await runs.read(backupId))?.phase !== 'saving') return false;
  const job = await queues.backup.getJob(`shard.${backupId}.${shard}`);
  if (job === undefined || !(await job.isCompleted())) return false;
  await job.retry('completed', { resetAttemptsMade: true }); // in one step a child again of the backup that waits; fails when somebody was faster
  return true;
}
