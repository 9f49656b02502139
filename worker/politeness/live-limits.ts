import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../../shared/config/config.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import { limitInForce } from '../../shared/limits/configured.js';
import type { LimitKey, LimitValues } from '../../shared/limits/keys.js';
import { readLimits } from '../../shared/limits/limit-store.js';
import type { SetLimit, Where } from '../../shared/limits/resolve.js';

/** A change is noticed within this, ms. */
const LOOK_EVERY_MS = 2_000;

export interface LiveLimitsParts {
  readonly config: Config;
  readonly redis: Redis;
  readonly logger: Logger;
  readonly now: () => Date;
}

/** The limits in force on this host: what the configuration says, and what operators set meanwhile, which is looked for every two seconds. */
export class LiveLimits {
  #set: readonly SetLimit[] = [];
  readonly #listeners: (() => unknown)[] = [];

  constructor(private readonly parts: LiveLimitsParts) {}

  get<K extends LimitKey>(key: K, where: Where = {}): LimitValues[K] {
    return limitInForce(this.parts.config, this.#set, key, where, this.parts.now().getTime());
  }

  /** Called after every change; a promise is awaited, its failure logged. */
  onChange(listener: () => unknown): void {
    this.#listeners.push(listener);
  }

  /** Looks now. What cannot be read leaves the limits as they were. */
  async refresh(): Promise<void> {
    const { redis, now, logger } = this.parts;
    try {
      const set = await readLimits(redis, now().getTime());
      if (JSON.stringify(set) === JSON.stringify(this.#set)) return;
      this.#set = set;
      logger.info({ set: set.map(({ key, value, host, topdir, lts }) => ({ key, value, host, topdir, lts })) }, 'limits changed');
      for (const listener of this.#listeners) await listener();
    } catch (thrown) {
      logger.warn({ err: toBwError(thrown) }, 'limits not read, or not applied');
    }
  }

  /** Returns how to stop looking. */
  start(): () => void {
    let looking = false;
    const timer = setInterval(() => {
      if (looking) return;
      looking = true;
      void this.refresh().finally(() => { looking = false; });
    }, LOOK_EVERY_MS);
    return () => { clearInterval(timer); };
  }
}
