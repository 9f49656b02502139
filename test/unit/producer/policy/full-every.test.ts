import { expect, it } from 'vitest';
import { fullEveryFor } from '../../../../producer/policy/full-every.js';

const DAY = 86_400_000;
const NOTHING = {
  keepLast: null, keepWithinMs: null, keepDaily: null, keepWeekly: null, keepMonthly: null, keepYearly: null,
  timezone: 'UTC', deletedBasepathsMs: null, gracePeriodMs: DAY, maxRemoveShare: 0.2,
};

it.each([
  ['nothing', {}, null],
  ['only a number of backups', { keepLast: 10 }, null],
  ['thirty days', { keepWithinMs: 30 * DAY }, 30],
  ['an hour: not more than one a day', { keepWithinMs: DAY / 24 }, 1],
  ['days beyond which a backup per week is kept', { keepDaily: 14, keepWeekly: 8 }, 7],
  ['days shorter than a week', { keepDaily: 3, keepWeekly: 8 }, 3],
  ['months', { keepDaily: 60, keepMonthly: 12 }, 28],
  ['years', { keepYearly: 5 }, 365],
])('a retention of %s needs a full every so many days', (_, rules, days) => {
  expect(fullEveryFor({ ...NOTHING, ...rules })).toBe(days === null ? null : days * DAY);
});
