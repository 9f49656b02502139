import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Reads a file that another program appends to: what is there, then what comes, until `until` has settled
 * and the end is reached. `intervalMs`: how often to look (default 200). A chunk is valid until the next one.
 */
export async function* tailFile(file: string, until: Promise<unknown>, intervalMs = 200): AsyncGenerator<Buffer, void> {
  const end = abortWhenSettled(until);
  const handle = await open(file, 'r');
  try {
    for (;;) {
      const last = end.aborted; // before the reads: what was written before the end is read now
      yield* drain(handle);
      if (last) return;
      await sleepUnless(end, intervalMs);
    }
  } finally {
    await handle.close();
  }
}

/** A signal that aborts when the promise settles. The promise's owner hears of a rejection, here it is just the end. */
export function abortWhenSettled(promise: Promise<unknown>): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
  };
  promise.then(abort, abort);
  return controller.signal;
}

/** Waits, but no longer than the signal lets it. (Promise.race would add a callback to a long-lived promise each time.) */
export async function sleepUnless(end: AbortSignal, ms: number): Promise<void> {
  try {
    await delay(ms, undefined, { signal: end });
  } catch {
    return; // the only reason is the abort
  }
}

/** What is there beyond the position of the handle. Most files are short: a first read of this size, and large ones behind a full one. */
async function* drain(handle: FileHandle): AsyncGenerator<Buffer, void> {
  let buffer = Buffer.allocUnsafe(FIRST_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    if (bytesRead === buffer.length && buffer.length < PIECE_BYTES) buffer = Buffer.allocUnsafe(PIECE_BYTES);
  }
}

const FIRST_BYTES = 8 * 1024;
const PIECE_BYTES = 256 * 1024;
