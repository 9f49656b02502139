import type { TransferOptions } from '../backend.js';
import type { Message } from './messages.js';

/**
 * What moved, from rclone's log: once a second the bytes of what is under way, and a line for each object that is complete. Adds up to the bytes of each object that is
 * finished; one that is begun anew inside rclone does not count twice.
 */
export class CopyProgress {
  /** By name in the layout. */
  readonly #seen = new Map<string, number>();
  readonly copied = new Set<string>();

  constructor(
    private readonly objects: ReadonlyMap<string, { readonly object: string; readonly bytes: number }>,
    private readonly onProgress: TransferOptions['onProgress'],
  ) {}

  /** Returns whether anything has moved since the last one. */
  take(message: Message): boolean {
    let hasMoved = false;
    for (const [name, bytes] of message.underWay ?? []) hasMoved = this.#upTo(name, bytes) || hasMoved;
    if (message.object === null || !/^Copied\b/.test(message.text)) return hasMoved;
    this.copied.add(message.object);
    this.#upTo(message.object, this.objects.get(message.object)?.bytes ?? 0);
    return true;
  }

  #upTo(name: string, bytes: number): boolean {
    const known = this.objects.get(name);
    if (known === undefined) return false;
    const before = this.#seen.get(name) ?? 0;
    const now = Math.max(before, Math.min(bytes, known.bytes));
    this.#seen.set(name, now);
    if (now > before) this.onProgress?.({ bytes: now - before, object: known.object });
    return now > before;
  }
}
