import { expect, it } from 'vitest';
import { backAfterMs } from '../../../../worker/processor/run-job.js';

const HOUR = 3_600_000;

it.each([
  ['shutdown', HOUR, 0.5, 100],
  ['drained', HOUR, 1, 100],
  ['paused-too-long', HOUR, 0, 60_000],
  ['paused-too-long', HOUR, 1, 300_000],
  ['paused-too-long', 60, 1, 100],
] as const)('a job stopped because of %s with a longest pause of %d ms is back (chance %d) after %d ms', (reason, maxPauseMs, chance, ms) => {
  expect(backAfterMs(reason, maxPauseMs, chance)).toBe(ms);
});
