import type { Redis } from 'ioredis';
import type { BwError } from '../errors/bw-error.js';
import { runKey } from '../queues/names.js';
import { jobErrorSchema, type JobError } from './dead-letter.js';

const FIELD = 'last-error';
/** As much of the evidence as a person reads; job data and hashes stay small. */
const DETAIL_CHARACTERS = 4_000;

/** Puts how an attempt ended beside its run, for the dead letter that may come of it. Nothing is noted of a run that is not on record. */
export async function noteError(redis: Redis, runId: string, error: JobError): Promise<void> {
  if ((await redis.hexists(runKey(runId), 'run')) === 1) await redis.hset(runKey(runId), FIELD, JSON.stringify(error));
}

/** Null when none was noted. */
export async function lastError(redis: Redis, runId: string): Promise<JobError | null> {
  const json = await redis.hget(runKey(runId), FIELD);
  const parsed = json === null ? null : jobErrorSchema.safeParse(JSON.parse(json));
  return parsed?.success === true ? parsed.data : null;
}

/** What is kept of an error. */
export function jobErrorOf(error: BwError, where: Pick<JobError, 'host' | 'job' | 'attempt' | 'at'>): JobError {
  const { code, message, hint, subject = null, detail = null } = error;
  return { code, message, hint, subject, detail: detail === null ? null : detail.slice(-DETAIL_CHARACTERS), ...where };
}
