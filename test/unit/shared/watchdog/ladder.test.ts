import { describe, expect, it } from 'vitest';
import { FRESH, ladderStep, type Look, type Watched } from '../../../../shared/watchdog/ladder.js';

const waits = { inactivityMs: 1_000, stepMs: 100 };

/** Each look: signs, ms since the one before, and what else it saw. */
type Seen = readonly [signs: string | null, elapsedMs: number, more?: Partial<Look>];

function follow(seen: readonly Seen[]): string[] {
  let watched: Watched = FRESH;
  return seen.map(([signs, elapsedMs, more = {}]) => {
    const { after, act } = ladderStep(watched, { signs, elapsedMs, heldMs: 0, killed: false, ...more }, waits);
    watched = after;
    return act === 'none' ? after.phase : `${act}!`;
  });
}

describe('ladderStep', () => {
  it('goes down the ladder while nothing moves, and ends there', () => {
    const still: Seen[] = [['a', 500], ['a', 500], ['a', 499], ['a', 1], ['a', 99], ['a', 1], ['a', 100], ['a', 100], ['a', 100], ['a', 100]];
    expect(follow(still)).toEqual(['watching', 'watching', 'watching', 'ask!', 'asked', 'ask-again!', 'kill!', 'give-up!', 'given-up', 'given-up']);
  });

  it('whatever moves starts its patience anew, also after it was asked to end', () => {
    expect(follow([['a', 0], ['a', 999], ['b', 999], ['b', 999], ['c', 999]])).toEqual(['watching', 'watching', 'watching', 'watching', 'watching']);
    expect(follow([['a', 0], ['a', 1_000], ['b', 99], ['b', 99], ['c', 99], ['c', 99], ['c', 1]])).toEqual(['watching', 'ask!', 'asked', 'asked', 'asked', 'asked', 'ask-again!']);
  });

  it('time in which we have stopped it does not count, but for one that is to end', () => {
    expect(follow([['a', 0], ['a', 5_000, { heldMs: 4_500 }], ['a', 499], ['a', 1]])).toEqual(['watching', 'watching', 'watching', 'ask!']);
    expect(follow([['a', 0], ['a', 1_000], ['a', 100, { heldMs: 100 }]])).toEqual(['watching', 'ask!', 'ask-again!']);
  });

  it('of what cannot be looked at nothing is believed until it is to end', () => {
    expect(follow([['a', 0], [null, 5_000], [null, 5_000]])).toEqual(['watching', 'watching', 'watching']);
    expect(follow([['a', 0], ['a', 1_000], [null, 100], [null, 100], [null, 100]])).toEqual(['watching', 'ask!', 'ask-again!', 'kill!', 'give-up!']);
  });

  it('one that others have killed is given up after one more step, whatever still moves', () => {
    const killed = { killed: true };
    expect(follow([['a', 0], ['b', 10, killed], ['c', 99, killed], ['d', 1, killed]])).toEqual(['watching', 'killed', 'killed', 'give-up!']);
  });
});
