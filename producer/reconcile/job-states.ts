import type { Job } from 'bullmq';
import { PREFIX } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import type { JobState } from './decide-run.js';

/** Asked for in one round trip. */
const PIECE = 1_000;

export async function stateOf(job: Job | undefined): Promise<JobState> {
  return job === undefined ? 'gone' : await job.getState();
}

/** A key of BullMQ, `PREFIX:QUEUE:ID`, in its parts. Ids have no colon. */
export function jobOfKey(key: string): { readonly queue: string; readonly jobId: string } {
  const [queue = '', jobId = ''] = key.slice(PREFIX.length + 1).split(':');
  return { queue, jobId };
}

/** Which of these jobs are not in the queue. */
export async function lostJobs({ redis }: QueueSet, keys: readonly string[]): Promise<string[]> {
  const lost: string[] = [];
  for (let at = 0; at < keys.length; at += PIECE) {
    const piece = keys.slice(at, at + PIECE);
    const pipeline = redis.pipeline();
    for (const key of piece) pipeline.exists(key);
    for (const [index, [error, count]] of ((await pipeline.exec()) ?? []).entries()) {
      if (error !== null) throw error;
      const key = piece[index];
      if (count === 0 && key !== undefined) lost.push(key);
    }
  }
  return lost;
}

/** Of the jobs with these ids, the objects that those which have not ended send. */
export async function objectsOnTheirWay({ redis }: QueueSet, queue: string, jobIds: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let at = 0; at < jobIds.length; at += PIECE) {
    const pipeline = redis.pipeline();
    for (const jobId of jobIds.slice(at, at + PIECE)) pipeline.hmget(`${PREFIX}:${queue}:${jobId}`, 'data', 'finishedOn');
    for (const [error, fields] of (await pipeline.exec()) ?? []) {
      if (error !== null) throw error;
      const [data, finishedOn] = fields as (string | null)[];
      if (typeof data !== 'string' || typeof finishedOn === 'string') continue;
      for (const object of (JSON.parse(data) as { objects?: string[] }).objects ?? []) found.add(object);
    }
  }
  return found;
}
