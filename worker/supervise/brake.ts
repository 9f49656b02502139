/** What can be stopped and let go on: a dar, or another brake. */
export interface Pausable {
  readonly pause: () => void;
  readonly resume: () => void;
}

/**
 * Stops what is attached while at least one reason holds, and lets it go on when the last one is gone: staging that is full and a source that is too busy
 * know nothing of each other. A brake for many is attached to theirs: `all.attach({ pause: () => one.hold('all'), resume: () => one.release('all') })`.
 */
export class Brake {
  readonly #reasons = new Set<string>();
  readonly #attached = new Set<Pausable>();
  #heldSince: number | null = null;
  #heldMs = 0;

  /** `now`: a clock that does not jump, ms. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Idempotent per reason. */
  hold(reason: string): void {
    const first = this.#reasons.size === 0;
    this.#reasons.add(reason);
    if (!first) return;
    this.#heldSince = this.now();
    for (const each of this.#attached) each.pause();
  }

  /** Takes a reason back; one that does not hold is passed over. */
  release(reason: string): void {
    if (!this.#reasons.delete(reason) || this.#reasons.size > 0) return;
    this.#heldMs = this.heldMs;
    this.#heldSince = null;
    for (const each of this.#attached) each.resume();
  }

  /** Stops a child at once if a reason holds. Returns how to take it off; one that is stopped then goes on. */
  attach(child: Pausable): () => void {
    this.#attached.add(child);
    if (this.isHeld) child.pause();
    return () => {
      if (this.#attached.delete(child) && this.isHeld) child.resume();
    };
  }

  get isHeld(): boolean {
    return this.#reasons.size > 0;
  }

  /** In the order in which they came. */
  get reasons(): readonly string[] {
    return [...this.#reasons];
  }

  /** For how long it has been held in all, ms. */
  get heldMs(): number {
    return this.#heldMs + (this.#heldSince === null ? 0 : this.now() - this.#heldSince);
  }
}
