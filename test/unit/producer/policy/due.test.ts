import { describe, expect, it } from 'vitest';
import { decideDue } from '../../../../producer/policy/due.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-06-01T00:00:00Z');
const facts = { basepathId: 'alice-3f9a2c', lastFullAtMs: null, fullInFlight: false };

describe('decideDue', () => {
  it('makes a full of a basepath that has none', () => {
    expect(decideDue(facts, { fullEveryMs: 30 * DAY }, NOW)).toEqual({ due: true, level: 'full', reason: 'no sealed full' });
  });

  it('does not enqueue beside one in flight', () => {
    expect(decideDue({ ...facts, fullInFlight: true }, { fullEveryMs: 30 * DAY }, NOW).due).toBe(false);
  });

  it.each([
    [29.9, false],
    [30, true],
    [400, true],
  ])('decides by the age of the last full: %d days', (age, due) => {
    const decision = decideDue({ ...facts, lastFullAtMs: NOW - age * DAY }, { fullEveryMs: 30 * DAY }, NOW);
    expect(decision.due).toBe(due);
    expect(decision.reason).toContain(`${age.toFixed(1)} days old`);
  });
});
