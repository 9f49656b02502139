import type { Redis } from 'ioredis';
import { BREAKERS_KEY, parkedAtBreakerKey } from '../queues/names.js';
import { breakerSchema, closedBreaker, label, type Breaker, type Resource } from './breaker.js';

/** A job that waits for the end of an outage. */
export interface ParkedJob {
  readonly queue: string;
  readonly jobId: string;
}

/** Where breakers are kept for all hosts. */
export interface BreakerStore {
  all(): Promise<Breaker[]>;
  /** Changes one in one step; `change` may be called again when somebody else was faster. */
  change(resource: Resource, change: (breaker: Breaker) => Breaker): Promise<{ readonly before: Breaker; readonly after: Breaker }>;
  forget(breaker: Breaker): Promise<void>;
  park(resource: Resource, job: ParkedJob): Promise<void>;
  /** Takes up to `count` of them off: whoever asked wakes them. */
  unpark(resource: Resource, count: number): Promise<ParkedJob[]>;
  countParked(resource: Resource): Promise<number>;
}

/** Nothing when another change came between. ARGV: field, what is there ('' = nothing), what shall be there ('' = nothing). */
const REPLACE = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1`;

/** In Redis. When that is lost, all are closed, and open again with the next error. */
export class RedisBreakers implements BreakerStore {
  constructor(private readonly redis: Redis) {}

  async all(): Promise<Breaker[]> {
    return Object.values(await this.redis.hgetall(BREAKERS_KEY)).map(parse).sort((a, b) => (label(a) < label(b) ? -1 : 1));
  }

  async change(resource: Resource, change: (breaker: Breaker) => Breaker): Promise<{ before: Breaker; after: Breaker }> {
    for (;;) {
      const json = await this.redis.hget(BREAKERS_KEY, label(resource));
      const before = json === null ? closedBreaker(resource) : parse(json);
      const after = change(before);
      if (after === before || (await this.#replace(resource, json, JSON.stringify(after)))) return { before, after };
    }
  }

  async forget(breaker: Breaker): Promise<void> {
    await this.#replace(breaker, JSON.stringify(breaker), '');
  }

  async park(resource: Resource, { queue, jobId }: ParkedJob): Promise<void> {
    await this.redis.sadd(parkedAtBreakerKey(label(resource)), `${queue} ${jobId}`);
  }

  async unpark(resource: Resource, count: number): Promise<ParkedJob[]> {
    return (await this.redis.spop(parkedAtBreakerKey(label(resource)), count)).map((member) => {
      const [queue = '', jobId = ''] = member.split(' ');
      return { queue, jobId };
    });
  }

  countParked(resource: Resource): Promise<number> {
    return this.redis.scard(parkedAtBreakerKey(label(resource)));
  }

  async #replace(resource: Resource, from: string | null, to: string): Promise<boolean> {
    return (await this.redis.eval(REPLACE, 1, BREAKERS_KEY, label(resource), from ?? '', to)) === 1;
  }
}

function parse(json: string): Breaker {
  return breakerSchema.parse(JSON.parse(json));
}
