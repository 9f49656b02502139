import { abortedError } from './posix/fs-errors.js';

/** What a promise gives, unless the caller gives up first: TRANSFER_ABORTED then. What was begun goes on, for others or to its own limit. */
export async function unlessAborted<T>(working: Promise<T>, signal: AbortSignal | undefined, subject: string): Promise<T> {
  if (signal === undefined) return working;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => { onAbort = () => { reject(abortedError(subject)); }; });
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([working, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
