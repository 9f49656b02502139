import { describe, expect, it } from 'vitest';
import { chooseBundle, MOST_PARTS } from '../../../../shared/bundle/choose-bundle.js';

const HOUR = 3_600_000;
const LIMITS = { minBytes: 10_000, maxWaitMs: HOUR };
const part = (sinceMs: number, bytes: number) => ({ sinceMs, bytes });

describe('chooseBundle', () => {
  it('waits until enough is together, or the oldest has waited long enough', () => {
    expect(chooseBundle([], LIMITS, 0, true)).toEqual({ close: null, waitUntilMs: null });
    expect(chooseBundle([part(5, 100), part(3, 100)], LIMITS, HOUR, false)).toEqual({ close: null, waitUntilMs: 3 + HOUR });
  });

  it('closes a full one with the oldest, and keeps the rest waiting', () => {
    const waiting = [part(3, 4000), part(1, 4000), part(2, 4000), part(4, 4000)];
    expect(chooseBundle(waiting, LIMITS, 5, false)).toEqual({ close: [part(1, 4000), part(2, 4000), part(3, 4000)], why: 'full' });
  });

  it('counts headers, which of tiny parts are most of it', () => {
    const waiting = Array.from({ length: 10 }, (_, i) => part(i, 1));
    expect(chooseBundle(waiting, LIMITS, 11, false)).toMatchObject({ why: 'full', close: { length: 10 } });
    expect(chooseBundle(waiting.slice(1), LIMITS, 11, false).close).toBeNull();
  });

  it('closes a small one when its time has come, or staging is tight', () => {
    expect(chooseBundle([part(0, 1), part(50, 1)], LIMITS, HOUR, false)).toMatchObject({ why: 'waited', close: { length: 2 } });
    expect(chooseBundle([part(0, 1)], LIMITS, 1, true)).toMatchObject({ why: 'pressed', close: { length: 1 } });
  });

  it('holds no more parts than can be listed at once', () => {
    const waiting = Array.from({ length: MOST_PARTS + 1 }, () => part(0, 0));
    expect(chooseBundle(waiting, { ...LIMITS, minBytes: 1e12 }, 0, false).close).toHaveLength(MOST_PARTS);
  });
});
