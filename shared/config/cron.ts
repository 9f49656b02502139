import { CronExpressionParser } from 'cron-parser';

/** Whether this is a cron pattern: five fields, six with seconds, or @daily and the like. */
export function checkCron(pattern: string): boolean {
  try {
    CronExpressionParser.parse(pattern, { tz: 'UTC' });
    return true;
  } catch {
    return false; // cron-parser throws plain Errors, and only for patterns it cannot read
  }
}

/** The first time after `afterMs` (ms since the epoch) that a pattern names, by the clocks of `timezone`. */
export function nextTime(pattern: string, timezone: string, afterMs: number): number {
  return CronExpressionParser.parse(pattern, { tz: timezone, currentDate: new Date(afterMs) }).next().getTime();
}

/** The last time at or before `atMs`. */
export function lastTime(pattern: string, timezone: string, atMs: number): number {
  return CronExpressionParser.parse(pattern, { tz: timezone, currentDate: new Date(atMs + 1) }).prev().getTime();
}
