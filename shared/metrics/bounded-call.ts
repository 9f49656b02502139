import { BwError } from '../errors/bw-error.js';

export interface BoundedCallOptions {
  /** A caller waits at most this long. */
  readonly timeoutMs: number;
  /** Milliseconds of a clock that never goes back; injected by tests. */
  readonly now?: () => number;
}

/** A run that has not ended after this is given up and may be followed by another. */
export const ABANDON_MS = 60_000;

/**
 * Calls something that may hang, once at a time. Callers that come while it runs join the running call,
 * so that a frozen Redis collects one pending call per minute and not one per scrape.
 */
export class BoundedCall<T> {
  #running: { readonly promise: Promise<T>; readonly startedAt: number } | null = null;
  readonly #now: () => number;

  constructor(
    readonly name: string,
    private readonly call: () => T | Promise<T>,
    private readonly options: BoundedCallOptions,
  ) {
    this.#now = options.now ?? (() => performance.now());
  }

  /** The result of the running or a new call. Rejects with what it threw, or CALL_TIMEOUT (retry). */
  async get(): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.#timeout());
      }, this.options.timeoutMs);
    });
    try {
      return await Promise.race([this.#join(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #join(): Promise<T> {
    if (this.#running !== null && this.#now() - this.#running.startedAt < ABANDON_MS) return this.#running.promise;
    const running = { promise: Promise.resolve().then(this.call), startedAt: this.#now() };
    this.#running = running;
    const ended = (): void => {
      if (this.#running === running) this.#running = null;
    };
    running.promise.then(ended, ended); // the rejection itself reaches the callers through get()
    return running.promise;
  }

  #timeout(): BwError {
    return new BwError('CALL_TIMEOUT', {
      message: `no answer within ${this.options.timeoutMs} ms`,
      subject: this.name,
      retry: 'retry',
      hint: 'Check whether the server or filesystem behind it hangs.',
    });
  }
}
