import { FRESH, ladderStep, type Act, type Watched } from './ladder.js';

export interface LookOptions {
  readonly inactivityMs: number;
  readonly signs: () => Promise<string | null>;
  /** For how long we have stopped it in all, ms. */
  readonly heldMs?: () => number;
  /** Somebody else has killed it. */
  readonly killed?: () => boolean;
  readonly act: (act: Exclude<Act, 'none'>) => void;
  /** A clock that does not jump, ms. */
  readonly now?: () => number;
}

/** So many looks within the time after which it is hung, but not more often, and at least so often, ms. */
const LOOKS = { within: 10, leastMs: 50, mostMs: 60_000 };
/** What has not moved for the whole timeout is given this long at each step, ms: dar closes an archive of 705,000 files in 1.6 s once it is let. */
const STEP_MS = 60_000;
/** A look that comes later than this many times its interval counts as that: we were stopped ourselves, and what we watch perhaps with us. */
const LATEST = 2;

/** Looks again and again, and says when something is to be done, until the returned function is called. */
export function keepLooking({ inactivityMs, signs, heldMs = () => 0, killed = () => false, act, now = () => performance.now() }: LookOptions): () => void {
  const waits = { inactivityMs, stepMs: Math.min(STEP_MS, inactivityMs) };
  const intervalMs = Math.min(Math.max(inactivityMs / LOOKS.within, LOOKS.leastMs), LOOKS.mostMs);
  let watched: Watched = FRESH;
  let last = { at: now(), heldMs: heldMs() };
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const seen = await signs();
    if (stopped) return;
    const at = { at: now(), heldMs: heldMs() };
    const elapsedMs = Math.min(at.at - last.at, intervalMs * LATEST);
    const step = ladderStep(watched, { signs: seen, elapsedMs, heldMs: Math.min(at.heldMs - last.heldMs, elapsedMs), killed: killed() }, waits);
    [watched, last] = [step.after, at];
    if (step.act !== 'none') act(step.act);
    if (watched.phase !== 'given-up') schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void look(), Math.min(intervalMs, watched.phase === 'watching' ? intervalMs : waits.stepMs / 2));
    timer.unref();
  };
  schedule();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
