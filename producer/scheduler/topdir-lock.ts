import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { PREFIX } from '../../shared/queues/names.js';

/** A holder that died is forgotten after this, ms; a living one renews three times as often. */
const HOLD_MS = 30_000;
const POLL_MS = 200;
const RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/**
 * Does `work` while nobody else, in any process, opens or closes the gate of this topdir: neither may an after hook run beside a before
 * hook, nor a backup be enqueued before its snapshot is there. Waits for the holder; `signal` ends the waiting.
 */
export async function withTopdirLock<T>(redis: Redis, topdir: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const key = `${PREFIX}:hook-lock:${topdir}`;
  const token = randomUUID();
  while ((await redis.set(key, token, 'PX', HOLD_MS, 'NX')) === null) await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  const renewing = setInterval(() => {
    redis.eval(RENEW, 1, key, token, HOLD_MS).catch(() => undefined); // away for a moment: the next one does it
  }, HOLD_MS / 3);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    await redis.eval(RELEASE, 1, key, token);
  }
}
