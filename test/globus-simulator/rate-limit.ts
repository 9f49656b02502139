/** Requests of a user within this time are counted together. */
const WINDOW_MS = 10_000;

/** A sliding window over 10 s. */
export class RateLimit {
  readonly #times = new Map<string, number[]>();

  constructor(readonly perSecond: number) {}

  /** 0: the request is taken. Otherwise whole seconds until one will be. */
  take(user: string, now: number): number {
    const recent = (this.#times.get(user) ?? []).filter((time) => time > now - WINDOW_MS && time <= now);
    this.#times.set(user, recent);
    const [oldest = now] = recent;
    if (recent.length >= this.perSecond * (WINDOW_MS / 1_000)) return Math.max(1, Math.ceil((oldest + WINDOW_MS - now) / 1_000));
    recent.push(now);
    return 0;
  }
}
