import { Outbox } from '../../../shared/tasks/outbox.js';
import type { Copying } from './copy-job.js';

/**
 * What an asynchronous LTS was sent is on record for a while, so that it is not sent again. Of objects that are not there (any more) that must be forgotten:
 * else they would count as brought.
 */
export async function forgetSent({ context, target }: Copying, objects: readonly string[]): Promise<void> {
  if (target.capabilities().async) await new Outbox(context.queues.redis).forgetSentFiles(target.name, objects);
}

/** The same of those that are not there, of any. */
export async function forgetLost(copying: Copying, objects: readonly string[]): Promise<void> {
  const { target } = copying;
  if (!target.capabilities().async) return;
  const lost: string[] = [];
  for (const object of objects) if ((await target.stat(object)) === null) lost.push(object);
  await forgetSent(copying, lost);
}
