import type { QueueSet } from '../queues/queue-set.js';

/**
 * Why a job failed: one that failed because of a child only names the child (`child PREFIX:QUEUE:ID failed`), whose own reason is the
 * one that tells people what happened.
 */
export async function rootReason(queues: QueueSet, failedReason: string): Promise<string> {
  const match = /^child [^:]+:([^:]+):(.+) failed$/.exec(failedReason);
  if (match?.[1] === undefined || match[2] === undefined) return failedReason;
  const child = await queues.named(match[1]).getJob(match[2]);
  return child === undefined || child.failedReason === '' ? failedReason : child.failedReason;
}
