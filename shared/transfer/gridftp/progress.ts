import type { TransferItem, TransferOptions } from '../backend.js';
import type { FarEnd } from './far-end.js';

/** How often the far end is asked how much is there: globus-url-copy tells once a second, of one object at a time, and never the last part. */
const LOOK_MS = 2_000;

interface Watched {
  readonly item: TransferItem;
  readonly path: string;
}

/** What was told of each item of a batch, so that it adds up to its bytes however often and from where it is heard of. */
export class BatchProgress {
  readonly #told = new Map<string, number>();

  constructor(
    private readonly far: FarEnd,
    private readonly options: TransferOptions,
  ) {}

  /** `bytes` of the item are there. */
  reach({ object, bytes: all }: TransferItem, bytes: number): void {
    const before = this.#told.get(object);
    const now = Math.min(bytes, all);
    if (before !== undefined && now <= before) return;
    this.#told.set(object, now);
    this.options.onProgress?.({ object, bytes: now - (before ?? 0) });
  }

  /** Looks at growing objects until the returned function is called. A look that fails tells nothing. */
  watch(parts: readonly Watched[]): () => void {
    if (this.options.onProgress === undefined || parts.length === 0) return () => undefined;
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const look = async (): Promise<void> => {
      const sizes = await this.far.sessions.use((session) => Promise.all(parts.map(({ path }) => session.size(path)))).catch(() => []);
      if (over) return;
      for (const [i, { item }] of parts.entries()) if ((sizes[i] ?? 0) > 0) this.reach(item, sizes[i] ?? 0);
      again();
    };
    const again = (): void => { timer = setTimeout(() => { void look(); }, LOOK_MS); };
    again();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }
}
