import { randomBytes } from 'node:crypto';

/**
 * Name of one start of a job: number and nonce. Two starts of the same job (a zombie and its successor)
 * never share a file name, so neither can damage what the other writes.
 */
export function newStart(attemptsStarted: number): string {
  return `t${attemptsStarted}-${randomBytes(3).toString('hex')}`;
}

/** Four digits sort well up to 9,999 shards and stay readable beyond. */
export function shardName(shard: number): string {
  return `s${String(shard).padStart(4, '0')}`;
}
