/** Longest pause a timer of Node can make, ms. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/** One round after the other, never two at once; a round that fails is told and followed by another. */
export class Loop {
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param pauseMs how long to wait after a round */
  constructor(
    private readonly round: () => Promise<unknown>,
    private readonly pauseMs: () => number | Promise<number>,
    private readonly onFailure: (thrown: unknown) => void,
    private readonly failedPauseMs: number,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    const pauseMs = await this.#once();
    if (this.#closed) return;
    this.#timer = setTimeout(() => { this.start(); }, Math.min(pauseMs, LONGEST_PAUSE_MS));
  }

  async #once(): Promise<number> {
    try {
      await this.round();
      return await this.pauseMs();
    } catch (thrown) {
      // Redis away, catalog not mounted: said once per round, tried again at the next.
      if (!this.#closed) this.onFailure(thrown);
      return this.failedPauseMs;
    }
  }
}
