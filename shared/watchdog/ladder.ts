/**
 * A program that is watched, and how far ending it has got: asked to end · asked again · killed · given up, because what hangs in the kernel survives even that.
 */
export type Phase = 'watching' | 'asked' | 'asked-again' | 'killed' | 'given-up';
/** What is to be done now. */
export type Act = 'none' | 'ask' | 'ask-again' | 'kill' | 'give-up';

export interface Watched {
  readonly phase: Phase;
  /** As of the last look (shared/process signsOfLife). */
  readonly signs: string | null;
  /** For how long nothing has moved, ms; of one that was killed, since then. */
  readonly quietMs: number;
}

export interface Look {
  /** Null: it has ended, or cannot be looked at. */
  readonly signs: string | null;
  /** Since the look before, ms. */
  readonly elapsedMs: number;
  /** Of that it was stopped by us, ms. */
  readonly heldMs: number;
  /** Somebody else has killed it. */
  readonly killed: boolean;
}

export interface Waits {
  /** Without any movement it counts as hung after this, ms. */
  readonly inactivityMs: number;
  /** From each step of ending it to the next, without movement, ms. */
  readonly stepMs: number;
}

/** What is given up after how much more patience. */
const NEXT: Readonly<Record<Exclude<Phase, 'given-up'>, { readonly phase: Phase; readonly act: Act }>> = {
  watching: { phase: 'asked', act: 'ask' },
  asked: { phase: 'asked-again', act: 'ask-again' },
  'asked-again': { phase: 'killed', act: 'kill' },
  killed: { phase: 'given-up', act: 'give-up' },
};

export const FRESH: Watched = { phase: 'watching', signs: null, quietMs: 0 };

/**
 * One look at a watched program (pure). Whatever moves starts its patience anew, but not once it was killed; time in which we have stopped it counts
 * only after it was asked to end, because then it is let go on.
 */
export function ladderStep(before: Watched, look: Look, waits: Waits): { readonly after: Watched; readonly act: Act } {
  const { phase } = before;
  if (phase === 'given-up') return { after: before, act: 'none' };
  if (look.killed && phase !== 'killed') return { after: { phase: 'killed', signs: look.signs, quietMs: 0 }, act: 'none' };
  const quietMs = hasMoved(before, look) ? 0 : before.quietMs + look.elapsedMs - (phase === 'watching' ? look.heldMs : 0);
  const after: Watched = { phase, signs: look.signs ?? before.signs, quietMs };
  if (quietMs < (phase === 'watching' ? waits.inactivityMs : waits.stepMs)) return { after, act: 'none' };
  const next = NEXT[phase];
  return { after: { ...after, phase: next.phase, quietMs: 0 }, act: next.act };
}

/** What cannot be looked at while all is well has just ended; later it may be a process that nobody can end. */
function hasMoved({ phase, signs }: Watched, look: Look): boolean {
  if (phase === 'killed') return false;
  return look.signs === null ? phase === 'watching' : look.signs !== signs;
}
