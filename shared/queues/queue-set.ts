import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { cleanupQueue, PREFIX, QUEUES, transferQueue } from './names.js';
import { JOB_DEFAULTS } from './options.js';

/** The queues of the product over one connection, opened when first used. */
export class QueueSet {
  readonly #open = new Map<string, Queue>();

  /** `eraser`: the one host whose worker deletes in LTS (removal.eraser); null = any. */
  constructor(
    readonly redis: Redis,
    private readonly eraser: string | null = null,
  ) {}

  get backup(): Queue {
    return this.named(QUEUES.backup);
  }

  get cleanup(): Queue {
    return this.named(QUEUES.cleanup);
  }

  /** Copies that are made up later: one at a time on each host. */
  get copies(): Queue {
    return this.named(QUEUES.copies);
  }

  /** No worker takes from it. */
  get deadLetter(): Queue {
    return this.named(QUEUES.deadLetter);
  }

  transfer(host: string): Queue {
    return this.named(transferQueue(host));
  }

  cleanupOf(host: string): Queue {
    return this.named(cleanupQueue(host));
  }

  /** For jobs that delete in LTS. */
  get erasing(): Queue {
    return this.eraser === null ? this.cleanup : this.cleanupOf(this.eraser);
  }

  /** All queues opened so far. */
  opened(): readonly Queue[] {
    return [...this.#open.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.opened().map((queue) => queue.close()));
  }

  named(name: string): Queue {
    let queue = this.#open.get(name);
    if (queue === undefined) {
      queue = new Queue(name, { connection: this.redis, prefix: PREFIX, defaultJobOptions: JOB_DEFAULTS });
      // Lost connections are reported by whoever issues a command; without a listener they would end the process.
      queue.on('error', () => undefined);
      this.#open.set(name, queue);
    }
    return queue;
  }
}
