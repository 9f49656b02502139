import { join } from 'node:path';
import { findStrays } from '../../shared/process/index.js';

/**
 * Directories below a host's staging in which a program still works that nobody waits for any more, because it hangs in the kernel: when its filesystem
 * answers it may write once more. They are kept, and count, until it is gone.
 */
export class HeldStarts {
  readonly #held = new Set<string>();

  /** `root`: this host's part of the staging directory. Paths below are relative to it. */
  constructor(
    private readonly root: string,
    private readonly find: typeof findStrays = findStrays,
  ) {}

  /** Looks who works in a directory or below; true when it is held now. */
  async look(relative = ''): Promise<boolean> {
    const working = await this.#working(relative);
    for (const each of working.dirs) this.#held.add(each);
    return working.any;
  }

  /** Lets go of those (below a directory) in which nobody works any more, and returns them. Until that is known they are held. */
  async release(relative = ''): Promise<string[]> {
    const before = [...this.#held].filter((each) => relative === '' || `${each}/`.startsWith(`${relative}/`));
    if (before.length === 0) return [];
    const { dirs } = await this.#working(relative);
    const released = before.filter((each) => !dirs.has(each));
    for (const each of released) this.#held.delete(each);
    return released;
  }

  /** Held ones that are this directory, around it, or below it. */
  touching(relative: string): string[] {
    return [...this.#held].filter((each) => `${each}/`.startsWith(`${relative}/`) || `${relative}/`.startsWith(`${each}/`));
  }

  async #working(relative: string): Promise<{ readonly any: boolean; readonly dirs: ReadonlySet<string> }> {
    const prefix = `${this.root}/`;
    const strays = await this.find(join(this.root, relative));
    return { any: strays.length > 0, dirs: new Set(strays.flatMap(({ dir }) => (dir.startsWith(prefix) ? [dir.slice(prefix.length)] : []))) };
  }
}
