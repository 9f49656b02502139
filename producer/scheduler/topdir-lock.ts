import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { BwError } from '../../shared/errors/bw-error.js';
import { PREFIX } from '../../shared/queues/names.js';

/** A holder that died is forgotten after this, ms; a living one renews three times as often. */
const HOLD_MS = 30_000;
const RENEW_MS = HOLD_MS / 3;
/** A holder that cannot renew stops so long before somebody else may have the lock, ms: a hook is killed two seconds after it was asked to end. */
const STOP_BEFORE_MS = 5_000;
const POLL_MS = 200;
/** What is one's own already is taken again: the answer may have been lost, or have come too late to be of use. */
const TAKE = `
local by = redis.call('GET', KEYS[1])
if by and by ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

export interface TopdirLock {
  /** In Redis, where its value is `token` while it is held. */
  readonly key: string;
  readonly token: string;
  /** Ends what is done under it: it may be another's soon, or whoever took it is to stop. */
  readonly signal: AbortSignal;
  /** Throws REDIS_UNREACHABLE when it may be another's. */
  check(): void;
}

/**
 * Does `work` while nobody else, in any process, opens or closes the gate of this topdir: neither may an after hook run beside a before
 * hook, nor a backup be enqueued before its snapshot is there. Waits for the holder; `signal` ends the waiting. Throws REDIS_UNREACHABLE when
 * the lock was lost meanwhile.
 */
export async function withTopdirLock<T>(redis: Redis, topdir: string, work: (lock: TopdirLock) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const key = `${PREFIX}:hook-lock:${topdir}`;
  const token = randomUUID();
  const hold = new Hold(() => redis.eval(RENEW, 1, key, token, HOLD_MS), await take(redis, key, token, signal));
  const check = (): void => { if (hold.lost.aborted) throw lockLost(topdir); };
  try {
    return await work({ key, token, signal: signal === undefined ? hold.lost : AbortSignal.any([signal, hold.lost]), check });
  } catch (thrown) {
    throw hold.lost.aborted ? lockLost(topdir, thrown) : thrown;
  } finally {
    hold.end();
    await redis.eval(RELEASE, 1, key, token);
  }
}

/** Returns since when it is surely held, on the clock of performance. */
async function take(redis: Redis, key: string, token: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    const sinceMs = performance.now();
    const taken = (await redis.eval(TAKE, 1, key, token, HOLD_MS)) === 1;
    if (taken && performance.now() - sinceMs < RENEW_MS) return sinceMs; // an answer that comes late says nothing of now
    if (!taken) await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** Renews a lock until the end, and tells by `lost` when it is another's, or may be soon. */
class Hold {
  readonly #lost = new AbortController();
  readonly #renewing = setInterval(() => { void this.#renew(); }, RENEW_MS);
  #late: NodeJS.Timeout;

  constructor(
    private readonly renew: () => Promise<unknown>,
    sinceMs: number,
  ) {
    this.#late = this.#limit(sinceMs);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  end(): void {
    clearInterval(this.#renewing);
    clearTimeout(this.#late);
  }

  async #renew(): Promise<void> {
    const sinceMs = performance.now();
    const answer = await this.renew().catch(() => null); // away for a moment: the next one does it
    if (answer === 0) this.#lost.abort();
    if (answer !== 1) return;
    clearTimeout(this.#late);
    this.#late = this.#limit(sinceMs);
  }

  #limit(sinceMs: number): NodeJS.Timeout {
    return setTimeout(() => { this.#lost.abort(); }, sinceMs + HOLD_MS - STOP_BEFORE_MS - performance.now()).unref();
  }
}

export function lockLost(topdir: string, cause?: unknown): BwError {
  return new BwError('REDIS_UNREACHABLE', {
    message: 'Redis was away for too long, or lost data, while a hook of the topdir ran or backups of it were enqueued: another process may have begun anew',
    subject: topdir,
    retry: 'retry',
    hint: 'Nothing to do once Redis answers: the next round runs the after hook, and begins with the before hook.',
    ...(cause === undefined ? {} : { cause }),
  });
}
