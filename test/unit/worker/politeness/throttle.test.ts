import { describe, expect, it } from 'vitest';
import { freshThrottle, slowFromMs, throttleStep, type Throttle, type ThrottleLimits } from '../../../../worker/politeness/throttle.js';

const EVERY_MS = 5_000;
const LIMITS: ThrottleLimits = { absoluteMs: 50, factor: 20 };

/** States after each of so many probes, five seconds apart. */
function play(probes: readonly number[], limits = LIMITS, begin: Throttle = freshThrottle(0)): Throttle[] {
  const states: Throttle[] = [];
  let state = begin;
  for (const [index, probe] of probes.entries()) {
    state = throttleStep(state, probe, limits, (index + 1) * EVERY_MS);
    states.push(state);
  }
  return states;
}

const many = (ms: number, count: number): number[] => Array<number>(count).fill(ms);
const modes = (states: readonly Throttle[]): string => states.map(({ mode }) => mode.charAt(0)).join('');

describe('throttle on stat latency', () => {
  it.each([
    ['a quiet source', many(0.3, 12), 'rrrrrrrrrrrr'],
    ['two slow answers among quick ones', [...many(0.3, 5), 900, 900, ...many(0.3, 5)], 'rrrrrrrrrrrr'],
    ['slow beyond the absolute limit', [...many(0.3, 5), ...many(60, 5)], 'rrrrrrrhhh'],
    ['20 times the usual, below the absolute limit', [...many(0.3, 5), ...many(7, 5)], 'rrrrrrrhhh'],
    ['no reason before the usual is known, but the absolute limit', many(40, 6), 'rrrrrr'],
    ['slow from the beginning', many(60, 6), 'rrrrhh'],
    ['well again', [...many(60, 6), ...many(0.3, 4)], 'rrrrhhhhrr'],
    ['somewhat better is not well', [...many(60, 6), ...many(40, 6)], 'rrrrhhhhhhhh'],
  ])('%s', (_what, probes, expected) => {
    expect(modes(play(probes))).toBe(expected);
  });

  it('lets go on a tenth of the time, for as long as it is slow', () => {
    const states = play(many(60, 2000));
    const breathing = states.filter(({ mode }) => mode === 'breathe').length;
    expect(breathing / states.length).toBeCloseTo(0.1, 2);
    expect(modes(states.slice(4, 26))).toBe('hhhhhhhhhbhhhhhhhhhbhh');
  });

  it('learns what is usual slowly, and nothing while it is slow', () => {
    const quiet = play(many(0.3, 10)).at(-1) as Throttle;
    expect(quiet.usualMs).toBeCloseTo(0.3);
    const busier = play(many(3, 60), LIMITS, quiet).at(-1) as Throttle;
    expect(busier.usualMs).toBeGreaterThan(1.5);
    expect(busier.usualMs).toBeLessThan(2);
    const slow = play(many(500, 300), LIMITS, quiet);
    expect(slow.at(-1)?.usualMs).toBeLessThan(0.4);
    expect(slow.at(-1)?.mode).not.toBe('run');
  });

  it.each([
    [{ absoluteMs: 50, factor: null }, 0.3, 50],
    [{ absoluteMs: 50, factor: 20 }, 0.3, 6],
    [{ absoluteMs: 50, factor: 20 }, 10, 50],
    [{ absoluteMs: null, factor: 20 }, 10, 200],
    [{ absoluteMs: null, factor: 20 }, null, Infinity],
    [{ absoluteMs: null, factor: 20 }, 0.01, 2],
    [{ absoluteMs: null, factor: null }, 1, Infinity],
  ])('%j, usually %s ms: slow from %s ms', (limits, usual, expected) => {
    expect(slowFromMs(limits, usual)).toBe(expected);
  });
});
