import { parseJob, transferJobSchema } from '../../../shared/queues/job-data.js';
import { sendJobId } from '../../../shared/queues/names.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { WorkerContext } from '../../context.js';
import type { SliceSender } from './slice-sender.js';

/**
 * Sees to it that slices of a start that was cut off are sent from here: most have a transfer job here, which finds them where they are now. The worker may
 * have died before it added that job; and those of a host that is gone are taken off what the backup waits for. `items`: as they were on record.
 */
export async function orderAgain({ context }: { readonly context: WorkerContext }, sender: SliceSender, items: ReadonlyMap<string, StoredItem>): Promise<void> {
  const ordered = new Set<string>();
  for (const [object, { host }] of items) {
    const job = await context.queues.transfer(host).getJob(sendJobId(object));
    if (job === undefined) continue;
    if (host !== context.config.host) {
      if (job.parentKey !== undefined) await job.removeChildDependency();
    } else if (job.finishedOn === undefined) {
      for (const each of parseJob(transferJobSchema, job.data, job.id).objects) ordered.add(each);
    }
  }
  await sender.order([...items.keys()].filter((object) => !ordered.has(object)));
}
