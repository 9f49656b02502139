/**
 * The result of `work`, whose signal aborts when `signal` does and `ms` milliseconds after the call. The work itself must heed it: this waits until it settles.
 * The timer holds what it aborts (see the README of this folder), and keeps no process from ending.
 */
export async function withinMs<T>(ms: number, signal: AbortSignal | undefined, work: (limited: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => { late.abort(new DOMException(`not within ${ms} ms`, 'TimeoutError')); }, ms).unref();
  try {
    return await work(signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
