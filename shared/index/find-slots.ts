interface Filesystem {
  active: number;
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly limit: number;
  readonly start: () => void;
}

/** Gives the place back; again is without effect. */
export type Release = () => void;

/**
 * How many finds run at a time on each source filesystem, over all scans of this process (a host runs one worker): its metadata server belongs to
 * its users. First come, first served: a scan asks anew for every stretch of its tree, so that a giant one does not keep small ones waiting.
 */
export class FindSlots {
  readonly #filesystems = new Map<string, Filesystem>();

  /** `limit`: as the asking scan's topdir has it. Rejects with the signal's reason when that comes first. */
  async take(filesystem: string, limit: number, signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    const state = this.#filesystems.get(filesystem) ?? { active: 0, waiting: [] };
    this.#filesystems.set(filesystem, state);
    if (state.waiting.length > 0 || state.active >= limit) await this.#wait(state, limit, signal);
    else state.active += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      state.active -= 1;
      this.#startNext(filesystem, state);
    };
  }

  /** Finds that run on a filesystem now. */
  active(filesystem: string): number {
    return this.#filesystems.get(filesystem)?.active ?? 0;
  }

  #wait(state: Filesystem, limit: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        limit,
        start: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        state.waiting.splice(state.waiting.indexOf(waiting), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      state.waiting.push(waiting);
    });
  }

  #startNext(filesystem: string, state: Filesystem): void {
    for (let next = state.waiting[0]; next !== undefined && state.active < next.limit; next = state.waiting[0]) {
      state.waiting.shift();
      state.active += 1;
      next.start();
    }
    if (state.active === 0 && state.waiting.length === 0) this.#filesystems.delete(filesystem);
  }
}
