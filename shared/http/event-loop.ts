/** Time between two looks, ms: five wake-ups a second cost nothing, and a blocked loop is noticed by the late one. */
const STEP_MS = 200;

/**
 * Measures how late timers run in this process; stop() ends the measuring. (Node's monitorEventLoopDelay
 * misses a blockage that begins right after its reset.)
 */
export function watchEventLoop(now: () => number = () => performance.now()): { read(): { maxDelayMs: number }; stop(): void } {
  let maxMs = 0;
  let lookedAt = now();
  const look = (): void => {
    maxMs = Math.max(maxMs, now() - lookedAt - STEP_MS);
    lookedAt = now();
  };
  const timer = setInterval(look, STEP_MS).unref();
  return {
    /** Greatest delay since the last call, ms; blockages shorter than STEP_MS may go unseen. */
    read: () => {
      look();
      const maxDelayMs = Math.round(maxMs);
      maxMs = 0;
      return { maxDelayMs };
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
