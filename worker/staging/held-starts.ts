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
    const prefix = `${this.root}/`;
    const strays = await this.find(join(this.root, relative));
    for (const { dir } of strays) if (dir.startsWith(prefix)) this.#held.add(dir.slice(prefix.length));
    return strays.length > 0;
  }

  /** Lets go of those in which nobody works any more, and returns them. */
  async release(): Promise<string[]> {
    if (this.#held.size === 0) return [];
    const before = [...this.#held];
    this.#held.clear();
    await this.look();
    return before.filter((each) => !this.#held.has(each));
  }

  /** Held ones that are this directory, around it, or below it. */
  touching(relative: string): string[] {
    return [...this.#held].filter((each) => `${each}/`.startsWith(`${relative}/`) || `${relative}/`.startsWith(`${each}/`));
  }
}
