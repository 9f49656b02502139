import { describe, expect, it } from 'vitest';
import { GIB, SCHEDULE } from './samples.js';
import { simulate, type SimulatedDay } from './simulated-year.js';

const SITE = {
  schedule: { ...SCHEDULE, events: { ...SCHEDULE.events, incrementals: { kind: 'startOfDay' as const } }, maxNewFulls: { count: 350, bytes: null } },
  basepaths: 1_000,
  bytesPerDay: 600 * GIB,
};
/** First fulls take three days; then the first cycle, whose fulls are all of one age. */
const RAMP_DAYS = 35;

/** Least and most of the days, as shares of their mean. */
function range(days: readonly SimulatedDay[], of: (day: SimulatedDay) => number): [number, number] {
  const values = days.map(of);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [Math.min(...values) / mean, Math.max(...values) / mean];
}

function line(day: SimulatedDay, index: number): string {
  const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
  return `day ${index + 1}: ${day.fulls} fulls ${gib(day.fullBytes)} GiB, ${day.others} incrementals ${gib(day.otherBytes)} GiB, ${day.pastDue} past due, oldest full ${day.oldestFull.toFixed(1)} d`;
}

describe('a simulated year of 1,000 basepaths', () => {
  it('has the same load every day after the ramp, no full too old and nobody past due', async () => {
    const days = simulate({ ...SITE, days: 365 });
    expect(days.map((day) => day.pastDue).filter((count) => count > 0)).toEqual([]);
    expect(Math.max(...days.map((day) => day.oldestFull))).toBeLessThanOrEqual(30.1);
    const steady = days.slice(RAMP_DAYS);
    const mean = (of: (day: SimulatedDay) => number): number => steady.reduce((sum, day) => sum + of(day), 0) / steady.length;
    const [fulls, bytes] = [mean((day) => day.fulls), mean((day) => day.fullBytes)];
    for (const of of [(day: SimulatedDay) => day.fullBytes + day.otherBytes, (day: SimulatedDay) => day.fulls / fulls + day.fullBytes / bytes]) {
      const [least, most] = range(steady, of);
      expect(least).toBeGreaterThan(0.8);
      expect(most).toBeLessThan(1.2);
    }
    await expect(`${days.map(line).join('\n')}\n`).toMatchFileSnapshot('golden/simulated-year.txt');
  });

  it('catches up after three days of downtime without a day of more than about two shares', () => {
    const usual = simulate({ ...SITE, days: 90 });
    const days = simulate({ ...SITE, days: 90, down: (day) => day >= 50 && day < 53 });
    const [mean] = [usual.slice(RAMP_DAYS).reduce((sum, day) => sum + day.fullBytes, 0) / (90 - RAMP_DAYS)];
    expect(days.slice(50, 53).every(({ fulls, others }) => fulls + others === 0)).toBe(true);
    expect(Math.max(...days.slice(53).map((day) => day.fullBytes))).toBeLessThan(2.3 * mean);
    expect(days[54]?.pastDue).toBe(0);
    expect(Math.max(...days.slice(60).map((day) => day.oldestFull))).toBeLessThanOrEqual(30.1);
  });

  it('does not pile up where workers are too slow for the cycle: incrementals go on, the oldest fulls first', () => {
    const days = simulate({ ...SITE, basepaths: 300, days: 120, bytesPerDay: 18 * GIB });
    const late = days.slice(80);
    const mean = late.reduce((sum, { others }) => sum + others, 0) / late.length;
    expect(mean).toBeGreaterThan(100); // at the latest as overdue ones, every second day
    expect(Math.max(...late.map((day) => day.pastDue))).toBe(0);
  });
});
