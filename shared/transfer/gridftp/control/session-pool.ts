import { openSession, type ControlSession, type SessionOptions } from './session.js';

/** Servers close idle sessions after minutes, and each is a process there. */
const IDLE_MS = 30_000;

/** Sessions that are logged in, for one user at a time each, kept for the next. */
export class SessionPool {
  readonly #options: SessionOptions;
  readonly #idle: { readonly session: ControlSession; readonly expiry: NodeJS.Timeout }[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** One that failed is not used again, as answers may still be on their way. An abort closes it amid its work, which then rejects. */
  async use<T>(work: (session: ControlSession) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const session = this.#reuse() ?? (await openSession(this.#options, signal));
    const onAbort = (): void => { session.destroy(); };
    if (signal?.aborted === true) onAbort(); // between the login and here
    signal?.addEventListener('abort', onAbort, { once: true });
    let result: T;
    try {
      result = await work(session);
    } catch (thrown) {
      session.destroy();
      throw thrown;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    this.#keep(session);
    return result;
  }

  #reuse(): ControlSession | null {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      clearTimeout(kept.expiry);
      if (!kept.session.isOpen) continue;
      kept.session.setIdle(false);
      return kept.session;
    }
    return null;
  }

  #keep(session: ControlSession): void {
    if (!session.isOpen) return;
    session.setIdle(true);
    const expiry = setTimeout(() => {
      this.#idle.splice(this.#idle.findIndex((kept) => kept.session === session), 1);
      session.destroy();
    }, IDLE_MS).unref();
    this.#idle.push({ session, expiry });
  }
}
