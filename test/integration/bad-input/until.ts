import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 20;

/**
 * Looks again until `look` gives something other than null, and returns that. Throws after `timeoutMs` (default 60 s), naming `what`
 * and what was seen last.
 */
export async function until<T>(what: string, look: () => Promise<T | null> | T | null, timeoutMs = 60_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(POLL_MS);
  }
}

/** Resolves when `look` gives an empty list; otherwise throws with what is left. */
export async function untilNone(what: string, look: () => Promise<readonly string[]>, timeoutMs = 60_000): Promise<void> {
  let left: readonly string[] = [];
  await until(what, async () => ((left = await look()).length === 0 ? true : null), timeoutMs).catch((thrown: unknown) => {
    throw new Error(`${String(thrown)}\nleft:\n${left.join('\n')}`);
  });
}
