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

/** How many starts there had been of its job with this one; null: no name of a start. */
export function startNumber(start: string): number | null {
  const number = /-t(\d+)-[0-9a-f]+$/.exec(start)?.[1];
  return number === undefined ? null : Number(number);
}

/** Of which shard a start is; NaN where it is of none. */
export function shardOf(start: string): number {
  return Number(/^s(\d+)-/.exec(start)?.[1]);
}
